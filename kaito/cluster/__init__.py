"""The cluster: a JSON client for its API server, KAITO's objects in it, and the routes to a workspace."""
