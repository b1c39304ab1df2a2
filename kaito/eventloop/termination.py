"""The signals besides Ctrl-C: SIGTERM and SIGHUP end the process in good order, Ctrl-Z suspends it."""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from kaito.errors import Ended, Suspended

if TYPE_CHECKING:
    from kaito.console.terminal import Terminal

#: Those that ask the process to end, where the system has them. Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
#: Seconds that the end may take. A reader that has stopped reading, or a plugin that hangs, does not hold it up longer.
GRACE = 5.0


@contextmanager
def handled(terminal: Terminal, leave: Callable[[int], object] = os._exit) -> Iterator[None]:
    """Handle them on the main thread. What was ignored before stays so, as under `nohup`.

    Args:
        terminal: left as it was when the process is suspended or has to be left.
        leave: called with the exit code on another thread when the end has taken :data:`GRACE`.

    Raises:
        Ended: SIGTERM or SIGHUP came; what follows them is ignored from then on.
        Suspended: Ctrl-Z came while somebody waits for a key.
    """
    ended = False

    def on_ending(number: int, frame: FrameType | None) -> None:
        # A closed window sends several: from the kernel, and from the shell that it ends.
        nonlocal ended
        if ended:
            return
        ended = True
        exc = Ended(number)
        # `threading` waits for its threads to start, which cannot be done in the middle of anything.
        _thread.start_new_thread(_leave_later, (terminal, leave, exc.exit_code))
        raise exc

    def on_stop(number: int, frame: FrameType | None) -> None:
        if terminal.reading:
            raise Suspended(stop)
        stop()

    def stop() -> None:
        with terminal.handed_over():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # comes back when the process goes on
            signal.signal(signal.SIGTSTP, on_stop)

    handlers: dict[int, Callable[[int, FrameType | None], None]] = dict.fromkeys(ENDING, on_ending)
    if hasattr(signal, "SIGTSTP"):
        handlers[signal.SIGTSTP] = on_stop
    before = {number: signal.getsignal(number) for number in handlers}
    taken = [number for number in handlers if before[number] is not signal.SIG_IGN]
    for number in taken:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number in taken:
            # Once the end has begun, nothing but its own taking too long cuts it short.
            signal.signal(number, signal.SIG_IGN if ended and number in ENDING else before[number])


def _leave_later(terminal: Terminal, leave: Callable[[int], object], code: int) -> None:
    time.sleep(GRACE)
    terminal.tty.restore()
    leave(code)
