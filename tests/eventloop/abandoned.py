"""Ends an event loop that was abandoned, as the process of a test does not end with it."""

import asyncio
import threading

from kaito.eventloop.main_thread import MainThreadLoop


async def held_up(over):
    """Take as long as a test wants: until it sets an event of `threading`."""
    while not over.is_set():
        await asyncio.sleep(0.01)


def take_down(loop, over=None):
    """Let everything in an abandoned loop end, and close it.

    Args:
        over: what :func:`held_up` waits for.
    """
    if over is not None:
        over.set()
    if isinstance(loop, MainThreadLoop):
        last = loop._loop.create_task(_stop_at_the_end())
        while not last.done():  # calls that end stop the loop, too
            loop._loop.run_forever()
    else:
        loop._loop.call_soon_threadsafe(asyncio.ensure_future, _stop_at_the_end())
        loop._thread.join(60)
    loop._loop.close()


async def _stop_at_the_end():
    """Stop the loop when all other tasks have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
    asyncio.get_running_loop().stop()


def ended_threads():
    """Return whether all other threads have ended; one that has done its work may still be about to."""
    return threading.active_count() == 1
