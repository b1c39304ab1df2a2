"""The terminal: output streams, colours, the status line, text width, line breaks and tables."""
