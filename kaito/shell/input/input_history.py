"""The input history: a file with one entry per line, shared by several shells."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from kaito.errors import KaitoError
from kaito.util.file_locks import lock_file
from kaito.util.safe_files import check_private, open_private, open_regular, private_folder, replace_private

#: The most bytes of the file. The newer half of a larger one is kept.
LARGEST = 1024 * 1024
#: The most bytes of a saved entry. A longer one, such as a pasted file, is recalled in this run only.
LONGEST = 64 * 1024
#: The most entries that a shell loads.
RECALLED = 2000
#: Seconds to wait for another shell's lock, which may have been suspended.
LOCK_TIMEOUT = 0.5

_ESCAPES = {"n": "\n", "r": "\r"}
_ESCAPED = re.compile(r"\\(.)")


class History:
    """The entries of all of a user's shells in the order in which they were typed, readable by that user alone.

    If the path is not a regular file, such as `/dev/null`, nothing is saved.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> list[str]:
        """Return the newest :data:`RECALLED` entries, oldest first, without consecutive duplicates.

        Raises:
            KaitoError: the file cannot be read.
        """
        try:
            file = open_regular(self._file, os.O_RDONLY)
            if file is None:
                return []
            with open(file, "rb") as stream:
                check_private(self._file.parent, self._file)
                lines = _newest(stream, LARGEST).split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise KaitoError(f"Cannot read the input history: {self._file}: {exc.strerror}") from None
        # The last line is empty or incomplete.
        entries = [decoded(line) for line in lines[:-1][-RECALLED:] if 0 < len(line) < LONGEST]
        return [entry for entry, before in zip(entries, ["", *entries], strict=False) if entry != before]

    def add(self, entry: str) -> None:
        """Append an entry, while other shells may do the same.

        Raises:
            KaitoError: the file cannot be written.
        """
        line = encoded(entry)
        if len(line) > LONGEST:
            return
        try:
            private_folder(self._file.parent)
            self._append(line)
        except OSError as exc:
            raise KaitoError(
                f"Cannot save the input history in {self._file}: {exc.strerror}", "KAITO_HISTORY=off saves nothing"
            ) from None

    def _append(self, line: bytes) -> None:
        opened = self._open()
        if opened is None:
            return
        file, locked = opened
        try:
            size = os.lseek(file, 0, os.SEEK_END)
            if size:
                os.lseek(file, -1, os.SEEK_END)
                if os.read(file, 1) != b"\n":  # an earlier write was cut, by a full disk
                    line = b"\n" + line
            # One write: a shell without the lock adds its entry before or after it.
            os.write(file, line)
            if locked and size + len(line) > LARGEST:
                self._trim()
        finally:
            os.close(file)

    def _open(self) -> tuple[int, bool] | None:
        """Open the file; return it and whether it is locked against other shells."""
        tries = 10
        while True:
            tries -= 1
            file = open_private(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            if file is None:
                return None
            locked = lock_file(file, LOCK_TIMEOUT)
            try:
                if os.path.samestat(os.fstat(file), os.stat(self._file)):
                    return file, locked
                if not tries:  # a file system without stable inode numbers
                    return file, False
            except FileNotFoundError:
                pass
            # Another shell has replaced the file by a shorter one meanwhile.
            os.close(file)

    def _trim(self) -> None:
        with self._file.open("rb") as stream:
            newest = _newest(stream, LARGEST // 2)
        replace_private(self._file, newest)


def encoded(entry: str) -> bytes:
    """Return an entry as one line, with line breaks escaped, so that the file can be searched with grep."""
    escaped = entry.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.encode("utf-8", "replace") + b"\n"


def decoded(line: bytes) -> str:
    """Return the entry of a line without its newline."""
    return _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), line.decode("utf-8", "replace"))


def _newest(stream: BinaryIO, size: int) -> bytes:
    """Return the whole lines in the last `size` bytes of a file, and an incomplete last line."""
    start = stream.seek(0, os.SEEK_END) - size
    if start <= 0:
        stream.seek(0)
        return stream.read(size)
    # From the byte before: it shows whether a line begins there.
    stream.seek(start - 1)
    return stream.read(size + 1).partition(b"\n")[2]
