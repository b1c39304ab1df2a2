"""The reverse proxy of `kaito forward`: it passes HTTP requests on a local port to open endpoints."""
