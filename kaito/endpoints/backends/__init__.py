"""The built-in backends, one module each, written on the public hooks alone."""
