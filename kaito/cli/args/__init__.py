"""The command line: its parser, the values of flags, and the flags that commands share."""
