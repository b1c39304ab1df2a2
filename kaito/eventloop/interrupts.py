"""Ctrl-C, SIGTERM and SIGHUP while an event loop is in use: they cancel the call that the main thread waits for.

At a prompt, a signal raises an exception immediately. Elsewhere it is remembered until the next safe point: an
exception in the middle of a write could leave the terminal's echo off or an answer unfinished. Only a second Ctrl-C is
raised at once.

A signal that arrives in the instant before the main thread begins to wait, for a key or for a lock, does not end that
wait: CPython has checked for signals already. The event loop receives each signal, too (`signal.set_wakeup_fd`). It
sends the main thread a harmless one, which ends the wait.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from kaito.errors import Ended, Interrupted
from kaito.eventloop.keyboard import Keyboard
from kaito.eventloop.termination import ENDING

#: A signal that nothing else uses. Windows has none, and cannot send signals to threads.
_WAKE_UP: int | None = getattr(signal, "SIGURG", None)
#: Seconds after a signal. Several, as a busy machine may delay the main thread between its check and its wait.
_WAKE_UP_DELAYS = (0.01, 0.1, 0.5)


class Interrupts:
    """Handles SIGINT, SIGTERM and SIGHUP while an event loop is in use.

    Signals that are ignored stay ignored, as in the background of a script. Those with the default action end the
    process at once.

    Args:
        loop: is notified of each signal, if it runs on another thread.
        keyboard: the state of the prompt: signals are raised while it waits for a key, and only then. `None` without a
            prompt: signals are then raised at once when the main thread does not wait for the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, keyboard: Keyboard | None = None) -> None:
        self._loop = loop
        self._keyboard = keyboard or Keyboard()
        self._raises_at_once = keyboard is None
        self._main = threading.main_thread()
        self._previous: dict[int, Any] = {}
        self._wait: Wait | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals in the block. On other threads than the main one, do nothing."""
        with ExitStack() as stack:
            if threading.current_thread() is self._main:
                for number in (signal.SIGINT, *ENDING):
                    if callable(handler := signal.getsignal(number)):
                        self._previous[number] = handler
                        stack.callback(signal.signal, number, handler)
                        signal.signal(number, self._on_signal)
                if _WAKE_UP is not None:
                    self._listen(stack, _WAKE_UP)
            yield

    def raise_pending(self) -> None:
        """Raise the pending signal, if there is one.

        Raises:
            CtrlC: it is Ctrl-C.
            Ended: it ends the process.
        """
        self._keyboard.raise_pending()

    def take_pending(self) -> Interrupted | None:
        """Return the pending signal for the caller to handle. To be called on the main thread."""
        if threading.get_ident() != self._main.ident:
            return None
        pending, self._keyboard.pending = self._keyboard.pending, None
        return pending

    def postpone(self, reason: Interrupted | None) -> None:
        """Remember a signal that arrived during a wait but was not needed by it."""
        self._keyboard.pending = reason or self._keyboard.pending

    def wait(self, cancel: Callable[[], None], abandon: Callable[[], None]) -> Wait:
        """Return a `with` block in which the first signal calls `cancel`, and Ctrl-C after it `abandon`."""
        return Wait(self, cancel, abandon)

    def enter(self, wait: Wait) -> Wait | None:
        """Let signals reach a wait; return the previously active one. On other threads do nothing."""
        before = self._wait
        if threading.get_ident() == self._main.ident:
            self._wait = wait
        return before

    def leave(self, wait: Wait, before: Wait | None) -> None:
        """Let signals reach the previously active wait again."""
        if self._wait is wait:
            self._wait = before

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        wait = self._wait
        if wait is None:
            self._on_unexpected_signal(number, frame)
            return
        is_stopping = wait.reason is not None
        if number == signal.SIGINT:
            if is_stopping:
                wait.abandon()
                return
            wait.reason = Interrupted()
        else:
            try:
                self._previous[number](number, frame)
            except Ended as exc:
                wait.reason = exc  # replaces Ctrl-C, after which the process would continue
        if wait.reason is not None and not is_stopping:
            wait.cancel()

    def _on_unexpected_signal(self, number: int, frame: FrameType | None) -> None:
        if self._raises_at_once or self._keyboard.reading:
            self._previous[number](number, frame)
        elif number == signal.SIGINT:
            # A second one is raised: the code that runs now may never end.
            self.raise_pending()
            self._keyboard.pending = Interrupted()
        else:
            try:
                self._previous[number](number, frame)
            except Ended as exc:
                self._keyboard.pending = exc

    def _listen(self, stack: ExitStack, wake_up: int) -> None:
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            stack.callback(end.close)
            end.setblocking(False)
        stack.callback(signal.signal, wake_up, signal.signal(wake_up, lambda number, frame: None))
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False))
        self._loop.add_reader(reader, self._on_signals_read, reader, wake_up)

    def _on_signals_read(self, reader: socket.socket, wake_up: int) -> None:
        try:
            numbers = reader.recv(1024)
        except OSError:  # closed: the process ends while the loop hangs
            return
        if any(number != wake_up for number in numbers) and self._main.ident is not None:
            for delay in _WAKE_UP_DELAYS:
                self._loop.call_later(delay, signal.pthread_kill, self._main.ident, wake_up)


class Wait:
    """A wait of the main thread for something in the loop.

    Attributes:
        reason: the signal that ended it; `None` while there is none.
    """

    def __init__(self, interrupts: Interrupts, cancel: Callable[[], None], abandon: Callable[[], None]) -> None:
        self._interrupts = interrupts
        self.cancel = cancel
        self.abandon = abandon
        self.reason: Interrupted | None = None

    def __enter__(self) -> Self:
        self._before = self._interrupts.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.leave(self, self._before)
