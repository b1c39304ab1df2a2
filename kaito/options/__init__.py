"""The options: one table for the command line, `/set`, completion and help, and the parsers of their values."""
