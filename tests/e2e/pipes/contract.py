"""The contract's help text."""

HELP = (
    "Available commands:\n"
    "  quit/exit - Exit chat session\n"
    "  clear     - Clear conversation history  \n"
    "  help      - Show this help\n"
    "  status    - Show current configuration\n"
)
