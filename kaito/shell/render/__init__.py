"""The output of the shell: answers, help, the configuration."""
