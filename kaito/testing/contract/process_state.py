"""What a process holds: open files and sockets, threads, children, temporary files, variables, its folder."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from kaito.testing.contract.bounded_loop import POOL
from kaito.testing.contract.promises import promise

#: Seconds for what ends in the background: a socket that is closed in the event loop's next rounds, a thread.
SETTLING = 2.0


class OpenFile(Struct, frozen=True, order=True):
    """A file descriptor."""

    number: int
    kind: str
    #: A socket's own port; 0 for others.
    port: int = 0
    #: Whether it is a socket that accepts connections.
    listens: bool = False


class ProcessState(Struct, frozen=True):
    """What the process holds at a moment."""

    files: frozenset[OpenFile]
    threads: frozenset[threading.Thread]
    children: frozenset[int]
    temporary: frozenset[str]
    variables: frozenset[tuple[str, str]]
    folder: str

    @staticmethod
    def now() -> ProcessState:
        """Return the present state."""
        return ProcessState(
            files=frozenset(_open_files()),
            # Those of a loop's pool for blocking calls end with the loop.
            threads=frozenset(one for one in threading.enumerate() if not one.name.startswith(POOL)),
            children=frozenset(_children()),
            temporary=frozenset(os.listdir(tempfile.gettempdir())),
            variables=frozenset(os.environ.items()),
            folder=os.getcwd(),
        )

    def left_over(self, before: ProcessState) -> list[str]:
        """Return what there is now that was not there before, in words."""
        # A server of the test, which was there before, may keep a connection for which the backend is not to blame.
        served = {file.port for file in before.files if file.listens}
        files = [file for file in self.files - before.files if file.port not in served]
        found = [f"an open {file.kind} (descriptor {file.number})" for file in sorted(files)]
        found += [f"the thread {thread.name!r}" for thread in self.threads - before.threads]
        found += [f"the child process {pid}" for pid in self.children - before.children]
        found += [f"the temporary file {name!r}" for name in self.temporary - before.temporary]
        found += [f"the variable {name}" for name, _ in self.variables ^ before.variables]
        found += [f"the working directory {self.folder}"] if self.folder != before.folder else []
        return found


@contextmanager
def temporary_files_of_its_own() -> Iterator[None]:
    """Have temporary files created in a folder of their own, so that those of other programs do not count."""
    with tempfile.TemporaryDirectory() as folder:
        before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
            if variable is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = variable


@contextmanager
def nothing_left(what: str) -> Iterator[None]:
    """Fail if something is left after the block that was not there before.

    Args:
        what: the promise, such as `closing it leaves nothing open`.

    Raises:
        AssertionError: something is left.
    """
    with temporary_files_of_its_own():
        before = ProcessState.now()
        yield
        deadline = time.monotonic() + SETTLING
        while (left := ProcessState.now().left_over(before)) and time.monotonic() < deadline:
            time.sleep(0.01)
    promise(not left, f"{what}: there is {', '.join(left)}")


def _open_files() -> Iterator[OpenFile]:
    folder = next((path for path in ("/proc/self/fd", "/dev/fd") if os.path.isdir(path)), None)
    if folder is None:  # Windows
        return
    kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"))
    for number in map(int, os.listdir(folder)):
        try:
            mode = os.fstat(number).st_mode
            if stat.S_ISSOCK(mode):
                yield _open_socket(number)
            else:
                yield OpenFile(number, next((kind for is_kind, kind in kinds if is_kind(mode)), "descriptor"))
        except OSError:  # closed meanwhile, such as that of the listing
            continue


def _open_socket(number: int) -> OpenFile:
    with socket.socket(fileno=os.dup(number)) as copy:
        if copy.family not in (socket.AF_INET, socket.AF_INET6):
            return OpenFile(number, "socket")
        listens = bool(copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        return OpenFile(number, "socket", int(copy.getsockname()[1]), listens)


def _children() -> Iterator[int]:
    for file in Path("/proc/self/task").glob("*/children"):
        try:
            yield from map(int, file.read_text().split())
        except OSError:  # the thread has ended
            continue
