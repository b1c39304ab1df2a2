"""Runs the code of plugins so that whatever it raises by mistake becomes an error that names the plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kaito.errors import Abandoned, CtrlC, Interrupted, KaitoError, PluginError, Suspended
from kaito.eventloop.background_exits import running_plugin
from kaito.plugin.discovery import Plugin

#: What passes through a plugin's code from outside: signals, and the end of a generator.
_OURS = (Interrupted, Suspended, Abandoned, CtrlC, GeneratorExit)


class _PluginBlock:
    """A `with` block for a plugin's code: tasks that it creates inherit the plugin's name."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def __enter__(self) -> Self:
        self._before = running_plugin.get()
        running_plugin.set(self._plugin)
        return self


class Isolation(_PluginBlock):
    """A `with` block for a plugin's code. It runs for each piece of an answer: `contextmanager` would be slower.

    Raises:
        KaitoError: raised by the plugin on purpose.
        PluginError: the plugin raised anything else; the message names it and the action.
    """

    def __init__(self, plugin: Plugin, action: str) -> None:
        super().__init__(plugin)
        self._action = action

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        running_plugin.set(self._before)
        if exc is not None and is_mistake(exc):
            intended = intended_error(exc)
            if intended is None:
                raise PluginError(f"Plugin {self._plugin} failed in {self._action}: {message_of(exc)}") from exc
            if intended is not exc:
                raise intended from exc


class Attempt(_PluginBlock):
    """A `with` block for a plugin's code whose failure goes no further.

    Args:
        report: called with what the plugin raised.

    Attributes:
        failed: whether it did.
    """

    def __init__(self, plugin: Plugin, report: Callable[[BaseException], None]) -> None:
        super().__init__(plugin)
        self._report = report
        self.failed = False

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool:
        running_plugin.set(self._before)
        if exc is None or not is_mistake(exc):
            return False
        self.failed = True
        self._report(intended_error(exc) or exc)
        return True


def is_mistake(exc: BaseException) -> bool:
    """Return whether an exception is a plugin's, and not a signal or a cancellation that passes through its code."""
    if isinstance(exc, Exception | SystemExit | BaseExceptionGroup):
        return True
    return not isinstance(exc, _OURS) and not _is_being_cancelled()


def intended_error(exc: BaseException) -> KaitoError | None:
    """Return the error that a plugin raised on purpose; `None` for any other.

    A task group of its own may have several: when all are such errors, the first one stands for them.
    """
    if not isinstance(exc, BaseExceptionGroup):
        return exc if isinstance(exc, KaitoError) else None
    intended = [intended_error(one) for one in exc.exceptions]
    return intended[0] if all(intended) else None


def message_of(exc: BaseException) -> str:
    """Return one line about what a plugin raised."""
    more = 0
    while isinstance(exc, BaseExceptionGroup):
        more += len(exc.exceptions) - 1
        exc = exc.exceptions[0]
    text = " ".join(str(exc).split())
    if not isinstance(exc, KaitoError):
        text = f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    return f"{text} (and {more} more)" if more else text


def _is_being_cancelled() -> bool:
    """Return whether the running task is being cancelled, by a time limit or by the user."""
    if (asyncio := sys.modules.get("asyncio")) is None:
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no running event loop
        return False
    return task is not None and task.cancelling() > 0
