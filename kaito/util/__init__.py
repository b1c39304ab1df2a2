"""Small helpers without knowledge of the product: files, durations, value parsers, asyncio tasks."""
