"""Runs the code of plugins. Any exception that a plugin raises by mistake becomes an error that names the plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kaito.errors import Abandoned, CtrlC, Interrupted, KaitoError, PluginError, Suspended
from kaito.eventloop.background_exits import running_plugin
from kaito.plugin.discovery import Plugin

#: Exceptions that come from outside and pass through a plugin's code: signals, and the end of a generator.
_OURS = (Interrupted, Suspended, Abandoned, CtrlC, GeneratorExit)


class _PluginBlock:
    """A `with` block for a plugin's code. It sets `running_plugin`, which tasks that the code creates inherit."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def __enter__(self) -> Self:
        self._before = running_plugin.get()
        running_plugin.set(self._plugin)
        return self


class Isolation(_PluginBlock):
    """A `with` block for a plugin's code that turns its mistakes into a `PluginError`.

    A class, because it runs for each piece of an answer and `contextmanager` would be slower.

    Args:
        plugin: the plugin whose code runs.
        action: what the code does, for the message.

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
    """A `with` block for a plugin's code that reports its failure, and then continues after the block.

    Args:
        plugin: the plugin whose code runs.
        report: called with the exception that the plugin raised.

    Attributes:
        failed: whether the plugin raised one.
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
    """Return whether a plugin raised an exception itself, rather than a signal or a cancellation passing through."""
    if isinstance(exc, Exception | SystemExit | BaseExceptionGroup):
        return True
    return not isinstance(exc, _OURS) and not _is_being_cancelled()


def intended_error(exc: BaseException) -> KaitoError | None:
    """Return the error that a plugin raised on purpose; `None` for any other exception.

    When a plugin's task group raises several such errors and nothing else, this is the first one.
    """
    if not isinstance(exc, BaseExceptionGroup):
        return exc if isinstance(exc, KaitoError) else None
    intended = [intended_error(one) for one in exc.exceptions]
    return intended[0] if all(intended) else None


def message_of(exc: BaseException) -> str:
    """Return one line that describes an exception of a plugin."""
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
