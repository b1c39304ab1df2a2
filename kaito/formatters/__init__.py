"""The built-in formatters, each written as a plugin on the public hooks."""
