"""The terminal: what is written to it, in which colours, how wide text is and where lines break."""
