"""Handles SIGTERM and SIGHUP, which end the process cleanly, and Ctrl-Z, which suspends it."""

from __future__ import annotations

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from kaito.errors import CtrlC, Ended, Suspended

if TYPE_CHECKING:
    from kaito.console.terminal import Terminal

#: The signals that end the process. Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
#: The most seconds that the end may take, if the reader of the output stalls or a plugin hangs.
GRACE = 5.0


@contextmanager
def handle_termination(terminal: Terminal, leave: Callable[[int], object] = os._exit) -> Iterator[None]:
    """Handle the signals in the block, on the main thread. Those that were ignored stay ignored, as under `nohup`.

    Args:
        terminal: restored when the process is suspended or left.
        leave: called with the exit code, on another thread, if the end takes longer than :data:`GRACE`.

    Raises:
        CtrlC: SIGINT.
        Ended: SIGTERM or SIGHUP; further ones are then ignored.
        Suspended: Ctrl-Z while a key is waited for.
    """
    ended = False

    def on_ending(number: int, frame: FrameType | None) -> None:
        # A window that is closed sends several: one from the kernel, and one from the shell.
        nonlocal ended
        if ended:
            return
        ended = True
        exc = Ended(number)
        # `threading` waits until a thread has started, which a signal's handler must not.
        _thread.start_new_thread(_leave_later, (terminal, leave, exc.exit_code))
        raise exc

    def on_ctrl_c(number: int, frame: FrameType | None) -> None:
        raise CtrlC

    def on_stop(number: int, frame: FrameType | None) -> None:
        if terminal.keyboard.reading:
            raise Suspended(stop)
        stop()

    def stop() -> None:
        with terminal.handed_over():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # returns when the process is continued
            signal.signal(signal.SIGTSTP, on_stop)

    handlers: dict[int, Callable[[int, FrameType | None], None]] = dict.fromkeys(ENDING, on_ending)
    if hasattr(signal, "SIGTSTP"):
        handlers[signal.SIGTSTP] = on_stop
    handlers[signal.SIGINT] = on_ctrl_c
    previous = {number: signal.getsignal(number) for number in handlers}
    handled = [number for number in handlers if previous[number] is not signal.SIG_IGN]
    for number in handled:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number in handled:
            # Once the end has begun, further signals do not cut it short; only the time limit does.
            signal.signal(number, signal.SIG_IGN if ended and number in ENDING else previous[number])


def _leave_later(terminal: Terminal, leave: Callable[[int], object], code: int) -> None:
    time.sleep(GRACE)
    terminal.tty.restore()
    leave(code)
