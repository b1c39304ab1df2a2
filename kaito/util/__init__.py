"""Small helpers for all other folders: files, data from outside, durations, other programs, asyncio tasks."""
