"""Benchmarks through a cluster, with a real API server and a simulated kubelet."""
