"""Routes from outside the cluster to a Service: those that the cluster's objects describe, and whether they work."""
