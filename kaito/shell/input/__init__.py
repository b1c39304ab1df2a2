"""What the shell reads: entries from a prompt or a script."""
