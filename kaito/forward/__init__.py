"""`kaito forward`: a local port through which any client talks to a workspace."""
