"""Imports the conversations of earlier versions, which kept one file for each terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kaito.chat.turn import divided_where_possible
from kaito.history.database import SYNCHRONOUS
from kaito.history.identifiers import new_id
from kaito.history.records import Record, title_of
from kaito.history.store import Additions
from kaito.types import Message
from kaito.types.conversations import ConversationInfo, Origin
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.safe_files import UnreadableError, read_text

if TYPE_CHECKING:
    from kaito.history.database import Database


class _Earlier(Struct, frozen=True):
    """A conversation as earlier versions wrote it."""

    messages: list[Message] = []
    cut: bool = field(default=False, name="broke_off")
    workspace: str | None = None
    model: str | None = None


def earlier_files(folder: Path) -> list[Path]:
    """Return the files of earlier versions in a state folder."""
    with suppress(OSError):
        return sorted(path for path in (folder / "conversations").glob("*.json") if not path.is_symlink())
    return []


def take_over(database: Database, folder: Path) -> None:
    """Add the conversations of earlier versions to the history, then remove their files.

    A file that cannot be read is renamed, so that it is not tried again.

    Raises:
        KaitoError: the history cannot be written; all files are then as before.
    """
    files = earlier_files(folder)
    if not files:
        return
    unreadable = []
    with _durable(database), database.writing() as connection:
        for file in files:
            try:
                earlier = _read(file)
                updated = file.stat().st_mtime
            except (UnreadableError, DecodeError):
                unreadable.append(file)
                continue
            except FileNotFoundError:  # another shell takes it over
                continue
            record, turns = _converted(earlier, file, updated)
            known = connection.execute("SELECT 1 FROM conversation WHERE id = ?", (record.info.id,)).fetchone()
            if turns and known is None:
                additions = Additions(database)
                additions.add_conversation(record)
                additions.add_turns(record.info.id, 0, turns)
                additions.write()
    for file in files:
        with suppress(OSError):
            if file in unreadable:
                file.rename(file.with_name(f"{file.name}.damaged"))
            else:
                file.unlink()
    with suppress(OSError):  # one that is damaged is still there
        (folder / "conversations").rmdir()


@contextmanager
def _durable(database: Database) -> Iterator[None]:
    """Sync the commits of the block to the disk, as the files that they come from are removed afterwards."""
    with database.translated() as connection:
        connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        with database.translated() as connection:
            connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")


def _read(file: Path) -> _Earlier:
    text = read_text(file, limits.CONVERSATION)
    # The first versions wrote the list of messages alone.
    if text.lstrip().startswith("["):
        return _Earlier(messages=decode_json(text, list[Message]))
    return decode_json(text, _Earlier)


def _converted(earlier: _Earlier, file: Path, updated: float) -> tuple[Record, list[tuple[Message, ...]]]:
    import hashlib  # here, as it takes longer to import than the history does, and files to take over are rare

    messages = earlier.messages
    system = messages[0].content if messages and messages[0].role == "system" else None
    turns = [turn.messages for turn in divided_where_possible(messages[system is not None :])]
    # The same for the same file: a process may be killed before the file is removed.
    seed = hashlib.sha256(f"{file.name} {updated}".encode("utf-8", "replace")).digest()
    info = ConversationInfo(
        id=new_id(lambda count: seed[:count]),
        title=title_of(turns[0] if turns else ()),
        created=updated,
        updated=updated,
        turns=len(turns),
        origin=Origin(label=earlier.workspace or "", workspace=earlier.workspace, model=earlier.model),
    )
    return Record(info, system, earlier.cut, 1), turns
