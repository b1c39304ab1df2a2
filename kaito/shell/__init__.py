"""The shell: reads messages and commands, and runs one after the other."""
