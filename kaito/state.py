"""What is kept between runs in the XDG state folder: what was typed, and each terminal's last conversation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
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


def to_continue(kept: LastConversation | None) -> list[Message]:
    """Return the messages that `--continue` goes on from.

    Raises:
        UsageError: there is no terminal, or nothing may be kept.
        KaitoError: there is nothing to continue.
    """
    if kept is None:
        raise UsageError("--continue: needs a terminal whose conversation was kept (KAITO_HISTORY=off keeps none)")
    return kept.load()
