"""The way through a cluster beside `kubectl`'s: a real API server, and a kubelet that is played."""
