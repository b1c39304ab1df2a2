"""The minimal client for a script: aiohttp in a loop. Argument: the server's URL; stdin: one message on each line.

It sends the same bodies as kaito, and discards the answers.
"""

import asyncio
import json
import sys

import aiohttp


async def main(url: str) -> None:
    """Send each line of stdin."""
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session:
        for line in sys.stdin:
            body = {
                "model": "meta-llama/Llama-3.1-8B-Instruct",
                "messages": [{"role": "user", "content": line.rstrip("\n")}],
                "temperature": 0.7,
                "top_p": 0.9,
                "max_tokens": 1024,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            async with session.post(f"{url}/v1/chat/completions", data=json.dumps(body).encode()) as response:
                response.raise_for_status()
                await response.read()
                print("ok")


asyncio.run(main(*sys.argv[1:]))
