"""Answers shells that complete a command line."""
