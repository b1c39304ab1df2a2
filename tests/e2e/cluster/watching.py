"""A command that goes on until it is interrupted, its output read as it comes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from typing import Any

from kaito.testing import child_environment, kaito_command
from tests.controlplane import until


class Watching(contextlib.AbstractContextManager["Watching"]):
    """A running `kaito`. It is ended by Ctrl-C when its context is left, if it has not ended by then.

    Args:
        arguments: what stands on the command line.
        env: changes to the environment.
    """

    def __init__(self, *arguments: str, **env: str) -> None:
        streams: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(
            kaito_command(*arguments), env=child_environment(env), stdin=subprocess.DEVNULL, text=True, **streams
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err)),
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line)

    def wait_for(self, part: str, *, err: bool = False, after: int = 0) -> int:
        """Wait until a line has this part; return the number of lines up to it.

        Args:
            part: what it holds.
            err: whether it is on stderr.
            after: lines that are left out.
        """
        lines = self.err if err else self.out

        def position() -> int | None:
            if self.process.poll() is not None and not any(thread.is_alive() for thread in self._threads):
                raise AssertionError(f"It ended: {self}")
            return next((number + 1 for number, line in enumerate(lines) if number >= after and part in line), None)

        try:
            return until(position, f"{part!r} is written")
        except AssertionError as error:
            error.add_note(str(self))
            raise

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        code = self.process.wait(20)
        for thread in self._threads:
            thread.join()
        return code

    def __str__(self) -> str:
        return f"-- stdout\n{''.join(self.out)}\n-- stderr\n{''.join(self.err)}"

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.wait()
