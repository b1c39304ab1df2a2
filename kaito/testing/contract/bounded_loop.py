"""An event loop that ends whatever still runs in it: a faulty plugin must fail its test, not hang it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

#: The beginning of the names of threads that run blocking calls.
POOL = "blocking-call"
#: Seconds for what remains to end.
_PATIENCE = 3.0


@contextmanager
def event_loop(report: Callable[[dict[str, Any]], object]) -> Iterator[asyncio.AbstractEventLoop]:
    """Yield a new event loop, and close it.

    Args:
        report: called with what asyncio reports to a loop's exception handler.
    """
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: report(context))
    pool = ThreadPoolExecutor(thread_name_prefix=POOL)
    loop.set_default_executor(pool)
    try:
        yield loop
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=_PATIENCE))
            loop.run_until_complete(loop.shutdown_asyncgens())
            pool.shutdown(wait=False, cancel_futures=True)
            # A cancelled call continues in its thread, and notifies the loop when it has ended.
            deadline = time.monotonic() + _PATIENCE
            for thread in threading.enumerate():
                if thread.name.startswith(POOL):
                    thread.join(max(0.0, deadline - time.monotonic()))
        finally:
            loop.close()
