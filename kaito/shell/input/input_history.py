"""What was typed at the prompt, kept between runs: a file of one entry a line, which several shells add to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from kaito.errors import KaitoError
from kaito.util.safe_files import open_regular, write_whole

#: Bytes that the file may have. Of a larger one the newer half stays.
LARGEST = 1024 * 1024
#: Bytes of an entry that is kept. A longer one, a pasted file for example, can be taken again until the shell ends.
LONGEST = 64 * 1024
#: Entries that a shell begins with.
RECALLED = 2000
#: Seconds to wait for another shell that is writing. One that was stopped then must not stop this one.
PATIENCE = 0.5

_ESCAPES = {"n": "\n", "r": "\r"}
_ESCAPED = re.compile(r"\\(.)")


class History:
    """The entries of all shells of a user, in the order in which they were typed. Nobody else can read them.

    Where something stands in the file's place that is none, such as `/dev/null`, nothing is kept.

    Args:
        file: where they are.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> list[str]:
        """Return the newest :data:`RECALLED` entries, the oldest first, none of them twice in succession.

        Raises:
            KaitoError: they cannot be read.
        """
        try:
            file = open_regular(self._file, os.O_RDONLY)
            if file is None:
                return []
            with open(file, "rb") as stream:
                # Whatever another program has put there.
                lines = _newest(stream, LARGEST).split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise KaitoError(f"Cannot read what was typed before: {self._file}: {exc.strerror}") from None
        # The last line is empty, or one that was never written to its end.
        entries = [decoded(line) for line in lines[:-1][-RECALLED:] if 0 < len(line) < LONGEST]
        return [entry for entry, before in zip(entries, ["", *entries], strict=False) if entry != before]

    def add(self, entry: str) -> None:
        """Keep an entry, however many shells do so at the moment.

        Raises:
            KaitoError: it cannot be written.
        """
        line = encoded(entry)
        if len(line) > LONGEST:
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(line)
        except OSError as exc:
            raise KaitoError(
                f"Cannot keep what is typed in {self._file}: {exc.strerror}", "KAITO_HISTORY=off keeps nothing"
            ) from None

    def _append(self, line: bytes) -> None:
        opened = self._open()
        if opened is None:
            return
        file, locked = opened
        try:
            if os.name == "posix" and os.fstat(file).st_uid == os.geteuid():
                os.fchmod(file, 0o600)
            size = os.lseek(file, 0, os.SEEK_END)
            if size:
                os.lseek(file, -1, os.SEEK_END)
                if os.read(file, 1) != b"\n":  # the disk was full, once
                    line = b"\n" + line
            # In one piece: what another shell adds without the lock comes before or after it.
            os.write(file, line)
            if locked and size + len(line) > LARGEST:
                self._trim()
        finally:
            os.close(file)

    def _open(self) -> tuple[int, bool] | None:
        """Open the file; return it and whether no other shell can change it now."""
        tries = 10
        while True:
            tries -= 1
            file = open_regular(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            if file is None:
                return None
            locked = _lock(file)
            try:
                if os.path.samestat(os.fstat(file), os.stat(self._file)):
                    return file, locked
                if not tries:  # a file system where no file is ever the same
                    return file, False
            except FileNotFoundError:
                pass
            # Another shell has put a shorter one in its place while this one waited.
            os.close(file)

    def _trim(self) -> None:
        with self._file.open("rb") as stream:
            newest = _newest(stream, LARGEST // 2)
        write_whole(self._file, newest)


def encoded(entry: str) -> bytes:
    """Return an entry as a line: what would end the line is escaped, so that the file can be searched by hand."""
    escaped = entry.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.encode("utf-8", "replace") + b"\n"


def decoded(line: bytes) -> str:
    """Return the entry of a line without its end; of any line, whoever wrote it."""
    return _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), line.decode("utf-8", "replace"))


def _newest(stream: BinaryIO, size: int) -> bytes:
    """Return the whole lines at the end of a file that have so many bytes at most, and what follows the last."""
    start = stream.seek(0, os.SEEK_END) - size
    if start <= 0:
        stream.seek(0)
        return stream.read(size)
    # From the byte before: it tells whether a line begins there.
    stream.seek(start - 1)
    return stream.read(size + 1).partition(b"\n")[2]


def _lock(file: int) -> bool:
    """Lock a file until it is closed; return whether that was possible in time."""
    fcntl = _fcntl()
    if fcntl is None:
        return False
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        except OSError:  # some network file systems have no locks
            return False
        else:
            return True


def _fcntl() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    return fcntl
