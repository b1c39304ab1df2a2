"""Ends the tasks that nothing awaited, as `asyncio.Runner` does, but within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from kaito.eventloop.background_exits import running_plugin

#: Seconds that the tasks get to clean up.
_LIMIT = 1.0


class LeftoverTasks:
    """Cancels the tasks that are left at the end of a loop.

    Args:
        loop: not yet running.
        report: called with a line about each task that then fails or does not end; `None` ignores them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Callable[[str], None] | None) -> None:
        self._report = report
        self._owners: WeakKeyDictionary[asyncio.Future[Any], object] = WeakKeyDictionary()
        if report is not None:
            # Only from Python 3.12 on, a task's context says which plugin created it.
            loop.set_task_factory(self._new_task)
            loop.set_exception_handler(self._on_exception)

    def _new_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, /, **keywords: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **keywords)
        self._owners[task] = running_plugin.get()
        return task

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report a task whose exception was never retrieved."""
        task, exc = context.get("future", context.get("task")), context.get("exception")
        if isinstance(task, asyncio.Task) and exc is not None:
            self._describe(task, f"failed: {type(exc).__name__}: {exc}")

    async def finish(self) -> None:
        """Cancel all other tasks of the running loop, wait for them, and close the asynchronous generators."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        pending = (await asyncio.wait(tasks, timeout=_LIMIT))[1] if tasks else set()
        for task in tasks:
            if task in pending:
                # Otherwise asyncio logs that it was destroyed.
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                self._describe(task, f"does not end within {_LIMIT:g} s of being cancelled")
            elif not task.cancelled() and (exc := task.exception()) is not None:
                self._describe(task, f"failed: {type(exc).__name__}: {exc}")
        await asyncio.get_running_loop().shutdown_asyncgens()

    def _describe(self, task: asyncio.Task[Any], problem: str) -> None:
        if self._report is not None:
            plugin = self._owners.get(task)
            owner = f"Plugin {plugin}" if plugin is not None else "Something"
            name = getattr(task.get_coro(), "__qualname__", task.get_name())
            self._report(f"{owner}: the task {name}, which nobody awaits, {problem}")
