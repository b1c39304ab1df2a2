"""Many questions at once with bare aiohttp. Arguments: the server's URL, how many, and how many at a time.

It prints the CPU seconds of the questions.
"""

import asyncio
import json
import sys
import time

import aiohttp


async def main(url: str, count: int, at_once: int) -> None:
    """Ask the questions."""
    slots = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession() as session:

        async def ask(number: int) -> str:
            body = {
                "model": "meta-llama/Llama-3.1-8B-Instruct",
                "messages": [{"role": "user", "content": f"question {number}"}],
                "temperature": 0.7,
                "top_p": 0.9,
                "max_tokens": 1024,
                "stream": False,
            }
            async with slots, session.post(f"{url}/v1/chat/completions", json=body) as response:
                response.raise_for_status()
                answer: str = json.loads(await response.read())["choices"][0]["message"]["content"]
                return answer

        await ask(0)
        started = time.process_time()
        answers = await asyncio.gather(*map(ask, range(count)))
        print(time.process_time() - started)
        assert all(answers)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
