"""Which API server to connect to, and with which credentials."""
