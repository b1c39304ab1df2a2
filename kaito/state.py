"""What is kept between runs in the XDG state folder: the last conversation of each terminal, for `--continue`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.files import write_whole
from kaito.terminal import Terminal
from kaito.types import Message

#: Bytes that a kept conversation may have; its oldest turns are left out.
LARGEST = 1024 * 1024


class LastConversation:
    """The file of one terminal, readable by its user alone.

    Args:
        file: where it is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> list[Message]:
        """Return the messages, in OpenAI's form.

        Raises:
            NotFoundError: nothing was kept.
            KaitoError: it cannot be read.
        """
        try:
            messages = msgspec.json.decode(self._file.read_bytes(), type=list[Message])
        except FileNotFoundError:
            raise NotFoundError("There is no conversation to continue in this terminal") from None
        except OSError as exc:
            raise KaitoError(f"Cannot read the last conversation: {self._file}: {exc.strerror}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise KaitoError(f"The last conversation is damaged: {self._file}", "Remove the file") from None
        return messages

    def save(self, messages: Sequence[Message]) -> None:
        """Keep the messages in place of what was kept before, whole or not at all.

        Raises:
            KaitoError: it cannot be written.
        """
        system = [message for message in messages[:1] if message.role == "system"]
        turns = list(messages[len(system) :])
        while len(encoded := msgspec.json.encode([*system, *turns])) > LARGEST and len(turns) > 2:
            del turns[: 2 * max(1, len(turns) // 8)]
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, encoded)
        except OSError as exc:
            raise KaitoError(
                f"Cannot keep the conversation in {self._file.parent}: {exc.strerror}",
                "KAITO_HISTORY=off keeps nothing",
            ) from None

    def forget(self) -> None:
        """Remove what was kept."""
        with suppress(OSError):
            self._file.unlink()


def history_file(environ: Mapping[str, str]) -> Path | None:
    """Return where what is typed at a prompt is kept; `None` with `KAITO_HISTORY=off`."""
    return None if environ.get("KAITO_HISTORY") == "off" else _folder(environ) / "history"


def last_conversation(terminal: Terminal, environ: Mapping[str, str]) -> LastConversation | None:
    """Return the place for the terminal that the process runs at; `None` without one, and with `KAITO_HISTORY=off`."""
    if environ.get("KAITO_HISTORY") == "off":
        return None
    for stream in (terminal.stdin, terminal.stderr, terminal.stdout):
        try:
            name = os.ttyname(stream.fileno()) if stream is not None else ""
        except (AttributeError, OSError, ValueError):  # Windows has one console a window and no names
            name = "console" if sys.platform == "win32" and stream is not None and stream.isatty() else ""
        if name:
            safe = re.sub(r"[^A-Za-z0-9]+", "-", name.removeprefix("/dev/")).strip("-")
            return LastConversation(_folder(environ) / "conversations" / f"{safe}.json")
    return None


def to_continue(kept: LastConversation | None) -> list[Message]:
    """Return the messages that `--continue` goes on from.

    Raises:
        UsageError: there is no terminal, or nothing may be kept.
        KaitoError: there is nothing to continue.
    """
    if kept is None:
        raise UsageError("--continue: needs a terminal whose conversation was kept (KAITO_HISTORY=off keeps none)")
    return kept.load()


def _folder(environ: Mapping[str, str]) -> Path:
    given = environ.get("XDG_STATE_HOME", "")
    # The XDG rules call for ignoring a relative path.
    return Path(given if os.path.isabs(given) else Path("~/.local/state").expanduser(), "kaito")
