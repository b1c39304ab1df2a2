"""Sends what plugins print to stderr, with the plugin's name: stdout is for answers only."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from kaito.eventloop.background_exits import running_plugin


class StrayOutput(io.TextIOBase):
    """A replacement for `sys.stdout`, which passes on each line with the name of the plugin that wrote it.

    Args:
        stdout: the stream that it replaces.
        show: called with each line; any thread may call it.
    """

    def __init__(self, stdout: TextIO, show: Callable[[str], None]) -> None:
        self._stdout = stdout
        self._show = show
        self._lock = threading.Lock()
        #: The beginning of a line, by the plugin that writes it.
        self._begun: dict[object, str] = {}

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stdout.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stdout.errors

    def fileno(self) -> int:
        # `input()` edits lines only if this is the process's own stdout.
        return self._stdout.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    @property
    def buffer(self) -> _Bytes:
        """For programs that write bytes to stdout."""
        return _Bytes(self)

    def write(self, text: str) -> int:
        plugin = running_plugin.get()
        with self._lock:
            *lines, rest = (self._begun.pop(plugin, "") + text).split("\n")
            if rest:
                self._begun[plugin] = rest
        for line in lines:
            self._show_line(plugin, line)
        return len(text)

    def show_rest(self) -> None:
        """Show the last lines, which have no newline."""
        with self._lock:
            begun, self._begun = self._begun, {}
        for plugin, line in begun.items():
            self._show_line(plugin, line)

    def _show_line(self, plugin: object, line: str) -> None:
        if line.strip():
            self._show(f"{f'Plugin {plugin}' if plugin is not None else 'A plugin'} prints: {line}")


class _Bytes(io.RawIOBase):
    def __init__(self, text: StrayOutput) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        encoded = bytes(memoryview(data))  # type: ignore[arg-type]
        self._text.write(encoded.decode(errors="replace"))
        return len(encoded)


@contextmanager
def redirected_prints(show: Callable[[str], None]) -> Iterator[None]:
    """Replace `sys.stdout` in the block."""
    stdout = sys.stdout
    if stdout is None:
        yield
        return
    stray = StrayOutput(stdout, show)
    sys.stdout = stray
    try:
        yield
    finally:
        sys.stdout = stdout
        stray.show_rest()
