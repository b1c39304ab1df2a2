"""What was typed at the prompt, kept between runs: a file of one entry a line, which several shells add to."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from types import ModuleType

from kaito.errors import KaitoError
from kaito.files import write_whole

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
            lines = self._file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise KaitoError(f"Cannot read what was typed before: {self._file}: {exc.strerror}") from None
        # The last line is empty, or one that was never written to its end.
        entries = [decoded(line) for line in lines[:-1][-RECALLED:] if line]
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
        file, locked = self._open()
        try:
            if os.name == "posix":
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

    def _open(self) -> tuple[int, bool]:
        """Open the file; return it and whether no other shell can change it now."""
        while True:
            file = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            locked = _lock(file)
            try:
                if os.path.samestat(os.fstat(file), os.stat(self._file)):
                    return file, locked
            except FileNotFoundError:
                pass
            # Another shell has put a shorter one in its place while this one waited.
            os.close(file)

    def _trim(self) -> None:
        content = self._file.read_bytes()[-LARGEST // 2 :]
        write_whole(self._file, content[content.index(b"\n") + 1 :])


def encoded(entry: str) -> bytes:
    """Return an entry as a line: what would end the line is escaped, so that the file can be searched by hand."""
    escaped = entry.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.encode("utf-8", "replace") + b"\n"


def decoded(line: bytes) -> str:
    """Return the entry of a line without its end; of any line, whoever wrote it."""
    return _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), line.decode("utf-8", "replace"))


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
