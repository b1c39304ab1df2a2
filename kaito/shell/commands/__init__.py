"""The built-in slash commands, each on the public hooks alone."""
