"""What is kept between runs in the XDG state folder: what was typed, and each terminal's last conversation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kaito.chat.conversation import SavedConversation
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.types import Message
from kaito.util.safe_files import UnreadableError, read_text, write_whole

#: Bytes that a kept conversation may have; its oldest turns are left out.
LARGEST = 1024 * 1024
#: Bytes of a file that is read all the same.
_READABLE = 16 * LARGEST


class LastConversation:
    """The file of one terminal, readable by its user alone.

    Args:
        file: where it is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # Whether this run goes on with what is there; else that is another conversation.
        self._ours = False

    def load(self) -> SavedConversation:
        """Return the conversation.

        Raises:
            NotFoundError: nothing was kept.
            KaitoError: it cannot be read.
        """
        try:
            self._file.stat()
            text = read_text(self._file, _READABLE)
        except FileNotFoundError:
            raise _nothing_kept() from None
        except (OSError, UnreadableError) as exc:
            told = getattr(exc, "strerror", None) or exc
            raise KaitoError(f"Cannot read the last conversation: {self._file}: {told}") from None
        try:
            # Earlier versions wrote nothing but the messages.
            found = msgspec.json.decode(text, type=SavedConversation | list[Message])
        except msgspec.MsgspecError:
            raise KaitoError(f"The last conversation is damaged: {self._file}", "Remove the file") from None
        past = SavedConversation(messages=tuple(found)) if isinstance(found, list) else found
        if not past.turns:
            raise _nothing_kept()
        self._ours = True
        return past

    def save(self, past: SavedConversation) -> None:
        """Keep a conversation in place of what was kept before, whole or not at all.

        One without a turn takes the place of its own earlier state only, not of another conversation.

        Raises:
            KaitoError: it cannot be written, or its last turn is too long.
        """
        system, turns = past.system, past.turns
        if not turns:
            if self._ours:
                self.forget()
            return
        while len(encoded := msgspec.json.encode(replace(past, messages=system + turns))) > LARGEST:
            turns = turns[2 * max(1, len(turns) // 8) :]
            if not turns:
                raise KaitoError("The last turn is too long to be kept for --continue")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, encoded)
        except OSError as exc:
            raise KaitoError(
                f"Cannot keep the conversation in {self._file.parent}: {exc.strerror}",
                "KAITO_HISTORY=off keeps nothing",
            ) from None
        self._ours = True

    def forget(self) -> None:
        """Remove what was kept."""
        with suppress(OSError):
            self._file.unlink()


_ON, _OFF = ("", "on", "1", "yes", "true"), ("off", "0", "no", "false")


def state_folder(environ: Mapping[str, str], warn: Callable[[str], object]) -> Path | None:
    """Return the folder for all that is kept; `None` when nothing shall be, or the user has no home for it.

    Args:
        environ: the environment.
        warn: told of a `KAITO_HISTORY` that says neither.
    """
    wish = environ.get("KAITO_HISTORY", "").strip().lower()
    if wish in _OFF:
        return None
    if wish not in _ON:
        warn(f"KAITO_HISTORY: '{wish}' is not on or off; what is typed and said is kept")
    given = environ.get("XDG_STATE_HOME", "")
    try:
        # The XDG rules call for ignoring a relative path.
        return Path(given if os.path.isabs(given) else Path("~/.local/state").expanduser(), "kaito")
    except RuntimeError:  # a user that only a number names, as containers have it
        return None


def history_file(folder: Path | None) -> Path | None:
    """Return where what is typed at a prompt is kept in the state folder; `None` without one."""
    return folder / "history" if folder is not None else None


def last_conversation(terminal: Terminal, folder: Path | None) -> LastConversation | None:
    """Return the place in the state folder for the terminal that the process runs at; `None` without either."""
    if folder is None:
        return None
    for stream in (terminal.stdin, terminal.stderr, terminal.stdout):
        try:
            name = os.ttyname(stream.fileno()) if stream is not None else ""
        except (AttributeError, OSError, ValueError):  # Windows has one console a window and no names
            name = "console" if sys.platform == "win32" and stream is not None and stream.isatty() else ""
        if name:
            safe = re.sub(r"[^A-Za-z0-9]+", "-", name.removeprefix("/dev/")).strip("-")
            return LastConversation(folder / "conversations" / f"{safe}.json")
    return None


def to_continue(kept: LastConversation | None) -> SavedConversation:
    """Return the conversation that `--continue` goes on with.

    Raises:
        UsageError: there is no terminal, or nothing may be kept.
        KaitoError: there is nothing to continue.
    """
    if kept is None:
        raise UsageError("--continue: needs a terminal whose conversation was kept (KAITO_HISTORY=off keeps none)")
    return kept.load()


def _nothing_kept() -> NotFoundError:
    return NotFoundError(
        "There is no conversation to continue in this terminal",
        "Without --continue a new one begins; --load goes on with one that was saved",
    )
