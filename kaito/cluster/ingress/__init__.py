"""Routes from outside the cluster to a Service: which ones the cluster's objects describe, and which of them work."""
