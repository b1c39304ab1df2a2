"""Child processes: what they run in, what they cost, in which order."""

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
    """A program failed, so there is nothing to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run of a program took, from its start to its end."""

    #: Seconds of processor time, its own and the kernel's for it.
    cpu: float
    #: Seconds by the clock.
    wall: float
    #: What it wrote to stdout.
    out: bytes


class Sandbox:
    """A home of its own for the programs: no settings, no proxies, no plugins kept away.

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
        """Start a program with a pipe for its stdout."""
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.home,
            env=self.env,
        )

    def run(self, *command: str, stdin: bytes = b"") -> Cost:
        """Run a program to its end, reading its stdout as it comes.

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
                # Of all ways to learn a child's usage, the only one that tells of this child alone.
                _, status, usage = os.wait4(process.pid, 0)
                wall = time.monotonic() - started
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise CouldNotRunError(f"{' '.join(command)} ended with {process.returncode}: {told}")
        return Cost(cpu=usage.ru_utime + usage.ru_stime, wall=wall, out=out)

    def python(self, script: str, *arguments: str, stdin: bytes = b"") -> Cost:
        """Run one of the alternatives' scripts."""
        return self.run(sys.executable, str(ALTERNATIVES / script), *arguments, stdin=stdin)


class Server:
    """A server in a process of its own, by default without delays. Use it as a context manager.

    Attributes:
        url: its base, without `/v1`.
        port: where it listens on 127.0.0.1.
    """

    def __init__(self, words: int, *, wait: float = 0.0, gap: float = 0.0, times: bool = False) -> None:
        options = [f"--wait={wait}", f"--gap={gap}", *(["--times"] if times else [])]
        self._command = [sys.executable, "-m", "benchmarks.server", str(words), *options]
        self.url = ""
        self.port = 0

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        self.port = int(self._line())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()  # the end of its stdin is its end

    def answered(self) -> float:
        """Return when the next answer began that was not asked for yet, by the monotonic clock."""
        return float(self._line())

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CouldNotRunError("the server did not start or has gone")
        return line


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a program at the block's end, if it has not."""
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def alternating(first: Callable[[], A], second: Callable[[], B], runs: int) -> list[tuple[A, B]]:
    """Run both by turns and return the pairs, without a first one that fills the caches.

    What slows the machine down for a while then slows both.
    """
    return [(first(), second()) for _ in range(runs + 1)][1:]


def beside(name: str) -> str:
    """Return the path of a command that is installed beside this Python.

    Raises:
        CouldNotRunError: it is not.
    """
    path = _BIN / name
    if not path.exists():
        raise CouldNotRunError(f"{name} is not installed beside {sys.executable}")
    return str(path)
