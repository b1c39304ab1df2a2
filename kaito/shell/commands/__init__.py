"""The built-in slash commands, written as plugins on the public hooks."""
