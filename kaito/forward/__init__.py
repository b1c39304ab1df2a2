"""`kaito forward`: a local OpenAI-compatible port in front of a workspace."""
