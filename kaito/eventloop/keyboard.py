"""The state that the prompt and the signal handlers share: waiting for a key, and a pending signal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kaito.errors import CtrlC, Ended, Interrupted


class Keyboard:
    """The shared state. To be used on the main thread.

    Attributes:
        reading: whether the prompt waits for a key. Signals are then raised at once.
        pending: a signal that arrived while the main thread waited neither for a key nor for the loop.
    """

    def __init__(self) -> None:
        self.reading = False
        self.pending: Interrupted | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the block as a wait for a key.

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
