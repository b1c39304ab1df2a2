"""Turns a `sys.exit` of a task or callback into an error that names the plugin.

asyncio passes `SystemExit` and `KeyboardInterrupt` on to the caller of `run_forever`, which would end the loop. A
plugin must not end this process in this way.
"""

from __future__ import annotations

from contextvars import Context, ContextVar
from typing import TYPE_CHECKING

from kaito.errors import PluginError

if TYPE_CHECKING:
    import asyncio

#: The plugin whose code runs. The tasks and callbacks that it schedules inherit it.
running_plugin: ContextVar[object | None] = ContextVar("running_plugin", default=None)


class BackgroundExit:
    """A `SystemExit` or `KeyboardInterrupt` that a task or callback of the event loop raised.

    Args:
        exc: as `run_forever` raised it.
    """

    def __init__(self, exc: SystemExit | KeyboardInterrupt) -> None:
        handle = _handle(exc)
        context: Context | None = getattr(handle, "_context", None)
        self._error = plugin_exit(exc, context.get(running_plugin) if context is not None else None)
        #: The task, if it was not another callback.
        self._task = getattr(getattr(handle, "_callback", None), "__self__", None)

    @property
    def is_handled(self) -> bool:
        """Whether the exception has been retrieved from its task, usually by a coroutine that awaits it."""
        # asyncio sets this attribute when a task fails, and clears it when the exception is retrieved.
        return not getattr(self._task, "_log_traceback", True)

    def take_error(self) -> PluginError:
        """Return the error that names the plugin, and keep asyncio from logging the exception."""
        import asyncio

        if isinstance(self._task, asyncio.Future):
            self._task.exception()
        return self._error


def plugin_exit(exc: BaseException, plugin: object | None) -> PluginError:
    """Return the error that a plugin's `SystemExit`, `KeyboardInterrupt` or `CancelledError` becomes."""
    reason = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
    name = f"Plugin {plugin}" if plugin is not None else "A plugin"
    did = "tried to end the process" if isinstance(exc, SystemExit | KeyboardInterrupt) else "failed"
    error = PluginError(f"{name} {did}: {reason}")
    error.__cause__ = exc
    return error


def _handle(exc: BaseException) -> asyncio.Handle | None:
    """Return what the event loop ran when the exception was raised."""
    import asyncio
    import traceback

    for frame, _ in traceback.walk_tb(exc.__traceback__):
        if isinstance(handle := frame.f_locals.get("self"), asyncio.Handle):
            return handle
    return None
