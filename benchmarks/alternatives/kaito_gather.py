"""Many questions at once with kaito's client. Arguments: the server's URL, how many, and how many at a time.

It prints the CPU seconds of the questions.
"""

import asyncio
import sys
import time

import kaito


async def main(url: str, count: int, at_once: int) -> None:
    """Ask the questions."""
    slots = asyncio.Semaphore(at_once)
    async with kaito.connect(endpoint=url) as model:

        async def ask(number: int) -> str:
            async with slots:
                return (await model.ask(f"question {number}")).content

        await ask(0)
        started = time.process_time()
        answers = await asyncio.gather(*map(ask, range(count)))
        print(time.process_time() - started)
        assert all(answers)


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
