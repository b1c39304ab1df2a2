"""`kaito forward` as a process, for the tests that talk through it."""

from __future__ import annotations

import signal
import subprocess
import threading
from types import TracebackType
from typing import Self

from kaito.testing import kaito_command


def _ignore_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Forward:
    """A running `kaito forward`; leaving its context interrupts it.

    Args:
        arguments: what stands on its command line.
        patience: seconds until it has to listen.
        in_background: whether Ctrl-C is ignored, as a script's shell has it for what it starts with `&`.

    Attributes:
        url: where it listens.
        lines: what it wrote, stdout and stderr together.
    """

    def __init__(self, *arguments: str, patience: float = 20.0, in_background: bool = False) -> None:
        self._patience = patience
        self.process = subprocess.Popen(
            kaito_command("forward", "--port", "0", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_ignore_sigint if in_background else None,
        )
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, text: str, timeout: float = 60.0, *, count: int = 1) -> str:
        """Wait until a line holds a text, or `count` of them do; return the last."""
        with self._changed:
            if not self._changed.wait_for(lambda: sum(text in line for line in self.lines) >= count, timeout):
                raise AssertionError(f"{text!r} was not said within {timeout} s: {self.lines}")
            return next(line for line in reversed(self.lines) if text in line)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(10)
        self._reader.join(10)
        return code

    def __enter__(self) -> Self:
        self._reader.start()
        try:
            self.url = self.wait_for("Forwarding http", self._patience).split()[1]
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
