"""Our own programs that help to measure: processes that are told what to do by lines, and answer by lines."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import CouldNotRunError, Sandbox

_ROOT = Path(__file__).parents[2]


class Helper(contextlib.AbstractContextManager["Helper"]):
    """A module of this package in a process of its own. It says one line when it is ready, and ends with its stdin.

    Args:
        sandbox: what it runs in.
        module: its name within this package.
        arguments: its command line.

    Attributes:
        ready: its first line.

    Raises:
        CouldNotRunError: it ended.
    """

    def __init__(self, sandbox: Sandbox, module: str, *arguments: str) -> None:
        self._name = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=sandbox.env,
        )
        try:
            self.ready = self._line()
        except CouldNotRunError:
            self._process.communicate()
            raise

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()

    def ask(self, *words: object) -> str:
        """Send a line and return the one that answers it.

        Raises:
            CouldNotRunError: it has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(map(str, words))}\n".encode())
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CouldNotRunError(f"{self._name} ended")
        return line.decode().strip()
