"""kaito as a background process, whose output a test reads while it runs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import IO, Any, Self

from kaito.testing import child_environment, kaito_command

#: Seconds. Long enough for a model to be downloaded.
TIMEOUT = 120.0


class BackgroundProcess(contextlib.AbstractContextManager[Any]):
    """A running `kaito`. When its context is left, it is interrupted if it still runs.

    Args:
        arguments: the command line.
        ignore_sigint: whether the process starts with SIGINT ignored, as a shell script starts a command with `&`.
        open_files: the most files that it may have open; `None` leaves the limit as it is.

    Attributes:
        out: the lines of stdout so far, without newlines.
        err: the lines of stderr so far.
    """

    def __init__(self, *arguments: str, ignore_sigint: bool = False, open_files: int | None = None) -> None:
        command = kaito_command(*arguments)
        if ignore_sigint or open_files is not None:
            before = "trap '' INT; " if ignore_sigint else ""
            before += f"ulimit -n {open_files}; " if open_files is not None else ""
            command = ["sh", "-c", f'{before}exec "$@"', "sh", *command]
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._open_streams = 2
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.out)),
            threading.Thread(target=self._read, args=(self._process.stderr, self.err)),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, text: str, *, err: bool = False, count: int = 1, after: int = 0) -> int:
        """Wait until `count` lines contain `text`; return the number of lines up to the last of them.

        Args:
            text: what a line contains.
            err: whether to read stderr instead of stdout.
            count: the number of such lines.
            after: the number of lines to skip.

        Raises:
            AssertionError: it did not happen in time, or the process has closed its output; the message shows it.
        """
        lines = self.err if err else self.out

        def position() -> int | None:
            matching = [number for number, line in enumerate(lines, 1) if number > after and text in line]
            return matching[count - 1] if len(matching) >= count else None

        return self._wait(position, repr(text))

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit code."""
        self._process.send_signal(number)
        return self.wait_exit()

    def wait_exit(self) -> int:
        """Wait until the process exits; return its exit code."""
        code = self._process.wait(TIMEOUT)
        for reader in self._readers:
            reader.join()
        return code

    def _wait(self, condition: Callable[[], int | None], what: str) -> int:
        with self._changed:
            self._changed.wait_for(lambda: condition() is not None or not self._open_streams, TIMEOUT)
            if (result := condition()) is None:
                raise AssertionError(f"No {what} in time\n-- stdout\n{self.out}\n-- stderr\n{self.err}")
            return result

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.wait_exit()


class Forward(BackgroundProcess):
    """A running `kaito forward` on a free port.

    Args:
        arguments: the command line after `--port`.
        options: see :class:`BackgroundProcess`.
    """

    def __init__(self, *arguments: str, **options: Any) -> None:
        super().__init__("forward", "--port", "0", *arguments, **options)

    @property
    def url(self) -> str:
        """The URL on which it listens. Waits until it does."""
        return self.out[self.wait_for("Forwarding http") - 1].split()[1]
