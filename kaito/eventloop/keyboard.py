"""Whether the main thread waits for a key, and the signal that arrived while it waited for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kaito.errors import CtrlC, Ended, Interrupted


class Keyboard:
    """The state that a prompt and the signal handlers share; for the main thread.

    Attributes:
        reading: whether a key is waited for. Signals are then raised at once.
        pending: a signal that arrived when neither a key nor the event loop was waited for.
    """

    def __init__(self) -> None:
        self.reading = False
        self.pending: Interrupted | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for a key in the block.

        Raises:
            CtrlC: Ctrl-C is pending.
            Ended: a signal that ends the process is pending.
        """
        self.reading = True
        try:
            self.raise_pending()
            yield
        finally:
            self.reading = False

    def raise_pending(self) -> None:
        """Raise the pending signal, if there is one.

        Raises:
            CtrlC: it is Ctrl-C.
            Ended: it ends the process.
        """
        pending, self.pending = self.pending, None
        if isinstance(pending, Ended):
            raise pending
        if pending is not None:
            raise CtrlC
