"""kaito beside its alternatives, on this machine: `python -m benchmarks`."""
