"""Plugins: where they are found, and the manager that calls their hooks and isolates their failures."""
