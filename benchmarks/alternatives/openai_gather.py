"""Many questions at once with the official client. Arguments: the server's URL, how many, and how many at a time.

It prints the CPU seconds of the questions.
"""

import asyncio
import sys
import time

from openai import AsyncOpenAI


async def main(url: str, count: int, at_once: int) -> None:
    """Ask the questions."""
    slots = asyncio.Semaphore(at_once)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:

        async def ask(number: int) -> str | None:
            async with slots:
                answer = await client.chat.completions.create(
                    model="bench", messages=[{"role": "user", "content": f"question {number}"}], temperature=0.7
                )
                content: str | None = answer.choices[0].message.content
                return content

        await ask(0)
        started = time.process_time()
        answers = await asyncio.gather(*map(ask, range(count)))
        print(time.process_time() - started)
        assert all(answers)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
