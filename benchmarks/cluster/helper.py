"""Runs modules of this package in processes that take commands line by line."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import CouldNotRunError, Sandbox

_ROOT = Path(__file__).parents[2]


class Helper(contextlib.AbstractContextManager["Helper"]):
    """A running module of this package. It prints one line when it is ready, and stops at the end of its stdin.

    Args:
        sandbox: the environment.
        module: the module's name.
        arguments: the command line.

    Attributes:
        ready: the first line of output.

    Raises:
        CouldNotRunError: the process exited.
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

    def ask(self, *values: object) -> str:
        """Send a line and return the line that it prints.

        Raises:
            CouldNotRunError: the process exited.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(map(str, values))}\n".encode())
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CouldNotRunError(f"{self._name} exited")
        return line.decode().strip()
