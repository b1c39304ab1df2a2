"""Runs programs and measures their cost."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_ROOT = Path(__file__).parents[1]
_BIN = Path(sys.executable).parent
ALTERNATIVES = Path(__file__).parent / "alternatives"


class CouldNotRunError(Exception):
    """A program failed, so that nothing can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one run of a program, from start to exit."""

    #: CPU seconds, user and system.
    cpu: float
    #: Wall-clock seconds.
    wall: float
    #: Its stdout.
    out: bytes


class Sandbox:
    """An environment for programs, without settings and proxies of the user. Installed plugins are loaded.

    Args:
        home: an empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
        self.env = {
            "PATH": os.pathsep.join([str(_BIN), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LLM_USER_PATH": str(home / "llm"),
            **folders,
        }

    def start(self, command: Sequence[str], *, stdin: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start a program with its stdout in a pipe."""
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.home,
            env=self.env,
        )

    def run(self, *command: str, stdin: bytes = b"") -> Cost:
        """Run a program and read its stdout.

        Raises:
            CouldNotRunError: it failed.
        """
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
            source.write(stdin)
            source.seek(0)
            started = time.monotonic()
            with subprocess.Popen(
                command,
                stdin=source if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.home,
                env=self.env,
            ) as process:
                assert process.stdout is not None
                out = process.stdout.read()
                # Unlike getrusage, this returns the usage of this child only.
                _, status, usage = os.wait4(process.pid, 0)
                wall = time.monotonic() - started
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                message = errors.read().decode(errors="replace").strip()
                raise CouldNotRunError(f"{' '.join(command)} exited with {process.returncode}: {message}")
        return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, out=out)

    def python(self, script: str, *arguments: str, stdin: bytes = b"") -> Cost:
        """Run a script of :mod:`benchmarks.alternatives`."""
        return self.run(sys.executable, str(ALTERNATIVES / script), *arguments, stdin=stdin)


class Server(contextlib.AbstractContextManager["Server"]):
    """A running :mod:`benchmarks.server`. It stops when its context is left.

    Args:
        words: the number of words of each answer.
        wait: the seconds before the first event.
        gap: the seconds between two events.
        times: whether it reports the time of each answer.
        whole: whether its answers are not streamed.

    Attributes:
        url: the base URL, without `/v1`.
        port: its port on 127.0.0.1.
    """

    def __init__(
        self, words: int, *, wait: float = 0.0, gap: float = 0.0, times: bool = False, whole: bool = False
    ) -> None:
        switches = {"--times": times, "--whole": whole}
        options = [f"--wait={wait}", f"--gap={gap}", *(name for name, on in switches.items() if on)]
        command = [sys.executable, "-m", "benchmarks.server", str(words), *options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        self.port = int(self._line())
        self.url = f"http://127.0.0.1:{self.port}"

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()  # closes its stdin

    def answer_time(self) -> float:
        """Return the monotonic time of the first event of the next answer; each answer is reported once."""
        return float(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CouldNotRunError("the server did not start or has exited")
        return line


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Terminate a program at the end of the block."""
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def alternating(first: Callable[[], A], second: Callable[[], B], runs: int) -> list[tuple[A, B]]:
    """Run both in turns and return the pairs, without a first pair that fills the caches.

    A temporary load of the machine then affects both.
    """
    return [(first(), second()) for _ in range(runs + 1)][1:]


def beside(name: str) -> str:
    """Return the path of a command in the folder of this Python.

    Raises:
        CouldNotRunError: it is not installed.
    """
    path = _BIN / name
    if not path.exists():
        raise CouldNotRunError(f"{name} is not installed in {_BIN}")
    return str(path)
