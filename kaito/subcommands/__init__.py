"""The subcommands of kaito, each written as a plugin on the public hook."""
