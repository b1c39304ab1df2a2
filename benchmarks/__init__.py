"""Benchmarks of kaito and its alternatives on this machine: `python -m benchmarks`."""
