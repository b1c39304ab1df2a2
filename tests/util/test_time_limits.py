"""Time limits, and the logins that suspend them."""

import asyncio

import pytest

from kaito.util.time_limits import login, time_limit
from tests.endpoints.virtual_time import VirtualTimeLoop


def in_virtual_time(main):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())


async def log_in(seconds):
    with login():
        await asyncio.sleep(seconds)


def test_a_limit_without_a_login():
    async def main():
        with pytest.raises(TimeoutError):
            async with time_limit(2) as scope:
                await asyncio.sleep(3)
        assert scope.expired()
        assert asyncio.get_running_loop().time() == 2
        async with time_limit(None):
            await asyncio.sleep(1000)

    in_virtual_time(main)


@pytest.mark.parametrize("first", [0, 1])
def test_a_login_suspends_the_limits_of_all_who_wait(first):
    async def main():
        async def wait(limit):
            async with time_limit(limit):
                await asyncio.sleep(5000 + limit / 2)

        async def others():
            async with asyncio.timeout(None):
                await asyncio.gather(wait(2), wait(30))

        # One begins before the limits, or after.
        await asyncio.gather(others(), log_in(5000)) if first else await asyncio.gather(log_in(5000), others())

    in_virtual_time(main)


def test_the_limits_restart_after_the_last_login():
    async def main():
        with pytest.raises(TimeoutError):
            async with time_limit(2):
                await asyncio.gather(log_in(50), log_in(100), asyncio.sleep(1000))
        assert asyncio.get_running_loop().time() == 102

    in_virtual_time(main)


def test_a_login_that_fails_or_is_interrupted_suspends_nothing():
    async def main():
        task = asyncio.create_task(log_in(1000))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(TimeoutError):
            async with time_limit(2):
                await asyncio.sleep(1000)
        assert asyncio.get_running_loop().time() == 3

    in_virtual_time(main)
