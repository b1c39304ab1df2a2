"""The ways from outside to a Service: what the cluster's objects say of them, and whether they can be gone."""
