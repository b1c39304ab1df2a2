"""Tasks that several wait for."""

import asyncio

import pytest

from kaito.util.tasks import SingleFlight


class Work:
    """A coroutine that ends when it is told to."""

    def __init__(self):
        self.started = 0
        self.cancelled = 0
        self.finish = asyncio.Event()
        self.error = None

    async def run(self):
        self.started += 1
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.started


async def waiting(flight, work, count):
    tasks = [asyncio.create_task(flight.join(work.run)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_one_result_for_all():
    async def run():
        flight, work = SingleFlight(), Work()
        tasks = await waiting(flight, work, 3)
        assert flight.is_running
        work.finish.set()
        assert await asyncio.gather(*tasks) == [1, 1, 1]
        assert await flight.join(work.run) == 2

    asyncio.run(run())


def test_one_failure_for_all():
    async def run():
        flight, work = SingleFlight(), Work()
        work.error = OSError("no")
        tasks = await waiting(flight, work, 3)
        work.finish.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results == [work.error] * 3
        assert work.started == 1

    asyncio.run(run())


def test_one_that_leaves_does_not_disturb_the_others():
    async def run():
        flight, work = SingleFlight(), Work()
        first, *others = await waiting(flight, work, 3)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        work.finish.set()
        assert await asyncio.gather(*others) == [1, 1]

    asyncio.run(run())


def test_the_last_one_to_leave_cancels_it():
    async def run():
        flight, work = SingleFlight(), Work()
        tasks = await waiting(flight, work, 2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert (work.started, work.cancelled) == (1, 1)
        work.finish.set()
        assert await flight.join(work.run) == 2

    asyncio.run(run())


def test_it_is_cancelled_before_it_begins():
    async def run():
        flight, work = SingleFlight(), Work()
        task = asyncio.create_task(flight.join(work.run))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not flight.is_running

    asyncio.run(run())
