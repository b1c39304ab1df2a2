"""The cluster: its API server, spoken to in JSON over aiohttp, and what KAITO keeps there."""
