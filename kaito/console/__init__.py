"""The terminal: what is written to it, how wide text is, and how untrusted text is made safe."""
