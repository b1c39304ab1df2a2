"""What the shell shows: answers, help, the configuration."""
