"""Finds and opens the endpoint of a model: the backends, and the selection among them."""
