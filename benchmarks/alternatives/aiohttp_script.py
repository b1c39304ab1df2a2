"""The minimal client for one answer: aiohttp. Arguments: the server's URL and a message."""

import asyncio
import json
import sys

import aiohttp


async def main(url: str, message: str) -> None:
    """Send one message; print the answer as it arrives."""
    body = {"model": "bench", "messages": [{"role": "user", "content": message}], "stream": True}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            data = line.removeprefix(b"data: ").strip()
            if data and data != b"[DONE]":
                for choice in json.loads(data)["choices"]:
                    print(choice["delta"].get("content") or "", end="", flush=True)
    print()


asyncio.run(main(*sys.argv[1:]))
