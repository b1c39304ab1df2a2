"""Keeps the last conversation of each terminal in the XDG state folder, for `--continue`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec.structs import replace

from kaito.chat.conversation import SavedConversation
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.types import Message
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.safe_files import UnreadableError, check_private, private_folder, read_text, replace_private

#: The most bytes of a saved conversation, and of one with images; its oldest turns are left out.
LARGEST = 1024 * 1024
LARGEST_WITH_IMAGES = 32 * LARGEST
#: The most bytes of a file that is read.
_READABLE = 2 * LARGEST_WITH_IMAGES


class LastConversation:
    """The file of one terminal, readable by its user alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        # Whether the file holds this run's conversation.
        self._ours = False

    def load(self) -> SavedConversation:
        """Return the conversation.

        Raises:
            NotFoundError: there is none.
            KaitoError: it cannot be read.
        """
        try:
            check_private(self._file.parent.parent, self._file.parent, self._file)
            text = read_text(self._file, _READABLE)
        except FileNotFoundError:
            raise _nothing_saved() from None
        except (OSError, UnreadableError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise KaitoError(f"Cannot read the last conversation: {self._file}: {reason}") from None
        try:
            # Earlier versions wrote the list of messages alone.
            if text.lstrip().startswith("["):
                saved = SavedConversation(messages=tuple(decode_json(text, list[Message])))
            else:
                saved = decode_json(text, SavedConversation)
        except DecodeError as exc:
            reason = f"The last conversation is damaged: {self._file}: {exc}"
            raise KaitoError(reason, "Remove the file") from None
        if not saved.turns:
            raise _nothing_saved()
        self._ours = True
        return saved

    def save(self, conversation: SavedConversation) -> None:
        """Replace the file atomically.

        A conversation without turns replaces only its own earlier state, not another conversation.

        Raises:
            KaitoError: the file cannot be written, or the last turn is too long.
        """
        system, turns = conversation.system, conversation.turns
        if not turns:
            if self._ours:
                self.delete()
            return
        while len(encoded := msgspec.json.encode(replace(conversation, messages=system + turns))) > _limit(turns):
            turns = _without_oldest(turns)
            if not turns:
                raise KaitoError("The last turn is too long to be saved for --continue")
        try:
            private_folder(self._file.parent.parent, self._file.parent)
            replace_private(self._file, encoded)
        except OSError as exc:
            raise KaitoError(
                f"Cannot save the conversation in {self._file.parent}: {exc.strerror}",
                "KAITO_HISTORY=off saves nothing",
            ) from None
        self._ours = True

    def delete(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            self._file.unlink()


def _limit(messages: Sequence[Message]) -> int:
    return LARGEST_WITH_IMAGES if any(message.images for message in messages) else LARGEST


def _without_oldest(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return messages without about an eighth of them, from the beginning of a turn on."""
    begins = [place for place, message in enumerate(messages) if message.role == "user" and place]
    return messages[begins[len(begins) // 8] :] if begins else ()


_ON, _OFF = ("", "on", "1", "yes", "true"), ("off", "0", "no", "false")


def state_folder(environ: Mapping[str, str], warn: Callable[[str], object]) -> Path | None:
    """Return the folder of the history and the conversations; `None` when nothing is kept.

    Args:
        warn: called when the value of `KAITO_HISTORY` is neither on nor off.
    """
    wish = environ.get("KAITO_HISTORY", "").strip().lower()
    if wish in _OFF:
        return None
    if wish not in _ON:
        warn(f"KAITO_HISTORY: '{wish}' is not on or off; input and conversations are saved")
    given = environ.get("XDG_STATE_HOME", "")
    try:
        # The XDG specification says to ignore a relative path.
        return Path(given if os.path.isabs(given) else Path("~/.local/state").expanduser(), "kaito")
    except RuntimeError:  # a container's user without a home
        return None


def history_file(folder: Path | None) -> Path | None:
    """Return the file of the input history; `None` without a state folder."""
    return folder / "history" if folder is not None else None


def last_conversation(folder: Path | None, streams: Iterable[TextIO | None]) -> LastConversation | None:
    """Return the file of the first stream's terminal; `None` without a terminal or a state folder."""
    if folder is None:
        return None
    for stream in streams:
        try:
            name = os.ttyname(stream.fileno()) if stream is not None else ""
        except (AttributeError, OSError, ValueError):  # Windows has one nameless console per window
            name = "console" if sys.platform == "win32" and stream is not None and stream.isatty() else ""
        if name:
            safe = re.sub(r"[^A-Za-z0-9]+", "-", name.removeprefix("/dev/")).strip("-")
            return LastConversation(folder / "conversations" / f"{safe}.json")
    return None


def to_continue(last: LastConversation | None) -> SavedConversation:
    """Return the conversation for `--continue`.

    Raises:
        UsageError: there is no terminal, or nothing may be saved.
        KaitoError: there is nothing to continue.
    """
    if last is None:
        raise UsageError("--continue: needs a terminal with a saved conversation (KAITO_HISTORY=off saves none)")
    return last.load()


def _nothing_saved() -> NotFoundError:
    return NotFoundError(
        "There is no conversation to continue in this terminal",
        "Start a new one without --continue, or load a saved one with --load",
    )
