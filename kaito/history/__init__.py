"""Past conversations: all of them are kept in one SQLite file, which many shells use at once."""
