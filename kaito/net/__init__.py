"""HTTP connections with aiohttp, for the model, the cluster and `kaito forward`."""
