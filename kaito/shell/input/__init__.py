"""The input of the shell: entries from a prompt or a script."""
