"""The built-in ways to reach a model, each on the public hooks alone."""
