"""The built-in ways to draw an answer, each on the public hooks alone."""
