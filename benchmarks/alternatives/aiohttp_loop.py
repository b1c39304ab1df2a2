"""The least that sends a script's messages: aiohttp and a loop. Run with the server's URL; reads a message a line.

The bodies are those that kaito sends. An answer is read to its end and thrown away.
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
