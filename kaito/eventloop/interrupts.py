"""Whom Ctrl-C and the signals that end the process reach: what the main thread waits for, a key or a call in the loop.

Where keys are waited for, what comes in between is remembered until the next such wait: an exception that is raised
just anywhere would leave a terminal without its echo, or an answer without its end. Only Ctrl-C again is raised where
it finds the main thread.

A signal that comes in the instant before the main thread begins to wait, for a key or for a lock, does not end that
wait: CPython has looked for signals already. The event loop hears of it too (`signal.set_wakeup_fd`), on a thread that
is awake, and knocks: a signal without a meaning ends the wait, and the one that was missed is seen to.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from kaito.errors import Ended, Interrupted
from kaito.eventloop.termination import ENDING

#: Nobody else's, and nothing happens by it. Windows has none, and no way to send one to a thread.
_KNOCK: int | None = getattr(signal, "SIGURG", None)
#: Seconds after a signal. The main thread may be held up between looking and waiting, on a busy machine.
_KNOCKS = (0.01, 0.1, 0.5)


class Keyboard(Protocol):
    """Where the main thread waits for a key: a :class:`~kaito.console.terminal.Terminal`."""

    #: Whether it does.
    reading: bool
    #: Raises a signal that came before. Called when a wait for a key begins.
    raise_pending: Callable[[], object]


class Interrupts:
    """Handles SIGINT, SIGTERM and SIGHUP while an event loop is in use.

    What is ignored stays so, as in the background of a script, and what nobody handles ends the process at once.

    Args:
        loop: hears of them at once, if it runs on another thread.
        keyboard: where they are raised while a key is waited for, and only then. `None` if none is: where nothing in
            the loop is waited for, they are then raised at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, keyboard: Keyboard | None = None) -> None:
        self._loop = loop
        self._keyboard = keyboard
        self._main = threading.main_thread()
        self._before: dict[int, Any] = {}
        self._waiting: _Waiting | None = None
        self._missed: Interrupted | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle them in the block. Elsewhere than on the main thread, do nothing."""
        with ExitStack() as stack:
            if threading.current_thread() is self._main:
                for number in (signal.SIGINT, *ENDING):
                    if callable(handler := signal.getsignal(number)):
                        self._before[number] = handler
                        stack.callback(signal.signal, number, handler)
                        signal.signal(number, self._on_signal)
                if _KNOCK is not None:
                    self._listen(stack)
                if self._keyboard is not None:
                    stack.callback(setattr, self._keyboard, "raise_pending", self._keyboard.raise_pending)
                    self._keyboard.raise_pending = self.raise_pending
            yield

    def raise_pending(self) -> None:
        """Raise the one that came when there was nothing to reach, if one did.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            Ended: it was a signal that ends the process.
        """
        missed = self.take_pending()
        if isinstance(missed, Ended):
            raise missed
        if missed is not None:
            raise KeyboardInterrupt

    def take_pending(self) -> Interrupted | None:
        """Return the one that came when there was nothing to reach, for the caller to see to; on the main thread."""
        if (missed := self._missed) is None or threading.get_ident() != self._main.ident:
            return None
        self._missed = None
        return missed

    def remember(self, reason: Interrupted | None) -> None:
        """Have one that reached something which had no more use for it be raised later."""
        self._missed = reason or self._missed

    def reaching(self, cancel: Callable[[], None], abandon: Callable[[], None]) -> _Waiting:
        """Have the first of them call `cancel`, in a `with` block, and Ctrl-C after it `abandon`.

        The block's value tells which was the first, or that it was a signal that ends the process.
        """
        return _Waiting(self, cancel, abandon)

    def enter(self, waiting: _Waiting) -> _Waiting | None:
        """Have it reach this; return what it reached before. Elsewhere than on the main thread, do nothing."""
        before = self._waiting
        if threading.get_ident() == self._main.ident:
            self._waiting = waiting
        return before

    def leave(self, waiting: _Waiting, before: _Waiting | None) -> None:
        """Have it reach again what it reached before."""
        if self._waiting is waiting:
            self._waiting = before

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        waiting = self._waiting
        if waiting is None:
            self._on_unawaited(number, frame)
            return
        stopping = waiting.reason is not None
        if number == signal.SIGINT:
            if stopping:
                waiting.abandon()
                return
            waiting.reason = Interrupted()
        else:
            try:
                self._before[number](number, frame)
            except Ended as exc:
                waiting.reason = exc  # also in place of a Ctrl-C, after which all would go on
        if waiting.reason is not None and not stopping:
            waiting.cancel()

    def _on_unawaited(self, number: int, frame: FrameType | None) -> None:
        if self._keyboard is None or self._keyboard.reading:
            self._before[number](number, frame)
        elif number == signal.SIGINT:
            # What runs here may not come to an end.
            self.raise_pending()
            self._missed = Interrupted()
        else:
            try:
                self._before[number](number, frame)
            except Ended as exc:
                self._missed = exc

    def _listen(self, stack: ExitStack) -> None:
        assert _KNOCK is not None
        ear, mouth = socket.socketpair()
        for end in (ear, mouth):
            stack.callback(end.close)
            end.setblocking(False)
        stack.callback(signal.signal, _KNOCK, signal.signal(_KNOCK, lambda number, frame: None))
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False))
        self._loop.add_reader(ear, self._on_heard, ear)

    def _on_heard(self, ear: socket.socket) -> None:
        try:
            numbers = ear.recv(1024)
        except OSError:  # closed: the process ends while the loop hangs
            return
        if any(number != _KNOCK for number in numbers):
            for delay in _KNOCKS:
                self._loop.call_later(delay, self._knock)

    def _knock(self) -> None:
        if _KNOCK is not None and self._main.ident is not None:
            signal.pthread_kill(self._main.ident, _KNOCK)


class _Waiting:
    """What the main thread waits for."""

    def __init__(self, interrupts: Interrupts, cancel: Callable[[], None], abandon: Callable[[], None]) -> None:
        self._interrupts = interrupts
        self.cancel = cancel
        self.abandon = abandon
        #: The signal that came.
        self.reason: Interrupted | None = None

    def __enter__(self) -> Self:
        self._before = self._interrupts.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.leave(self, self._before)
