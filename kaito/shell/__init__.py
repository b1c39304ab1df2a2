"""The shell: reads messages and commands, has them answered or done, one after the other."""
