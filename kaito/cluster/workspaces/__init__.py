"""KAITO's objects: found, explained, watched."""
