"""A conversation with a model: its turns, its history, and how it is saved."""
