"""Writes the changes of conversations since their last write, while other shells may change the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from operator import is_
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kaito.chat.turn import Turn
from kaito.history.identifiers import new_id
from kaito.history.records import Record, title_of
from kaito.history.slots import Slot, Snapshot
from kaito.history.store import (
    Additions,
    copy_turns,
    remove_conversations,
    remove_turns,
    update_conversation,
)
from kaito.types.conversations import ConversationInfo

if TYPE_CHECKING:
    from kaito.history.database import Database


def write_changes(database: Database, batch: Sequence[tuple[Slot, Snapshot]]) -> list[str]:
    """Write conversations in one transaction; return remarks for the user.

    Raises:
        KaitoError: they cannot be written; the file and the slots are then as before.
    """
    changes = _Changes(database)
    with database.writing():
        written = [(slot, changes.write(slot, snapshot), snapshot.title) for slot, snapshot in batch]
        changes.additions.write()
    for slot, now, title in written:
        slot.become(now, title)
    return changes.remarks


class _Changes:
    """The changes of one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.additions = Additions(database)
        self.remarks: list[str] = []

    def write(self, slot: Slot, snapshot: Snapshot) -> Slot:
        """Write one conversation; return what its slot becomes."""
        slot, turns = _aligned(slot, snapshot)
        kept_title = None
        if slot.revision:
            # The same conversation may have been resumed twice in this run.
            self.additions.write()
            select = "SELECT revision, title FROM conversation WHERE id = ?"
            row = self._database.connection.execute(select, (slot.id,)).fetchone()
            if row is None:
                slot, turns = self._follow_deleted(slot, snapshot, turns)
            elif row[0] != slot.revision:
                slot = self._branch(slot, snapshot)
            else:
                kept_title = str(row[1])
        if not slot.revision:
            # A branch also has the turns that have left the window. Those of one from a file were never kept.
            copied = 0
            if slot.parent and slot.first:
                self.additions.write()
                copied = copy_turns(self._database, slot.parent, slot.id, slot.first)
            slot = replace(slot, first=copied)
        return self._store(slot, snapshot, turns, slot.title or kept_title)

    def _follow_deleted(self, slot: Slot, snapshot: Snapshot, turns: tuple[Turn, ...]) -> tuple[Slot, tuple[Turn, ...]]:
        """Return the slot and the turns of a new conversation in place of one that was deleted meanwhile.

        It was deleted on purpose: only the new turns are kept, and not under its title.
        """
        turns = turns[_common(slot.turns, turns) :]
        hidden = snapshot.dropped + len(snapshot.turns) - len(turns)
        discarded = slot.kept_title
        title = slot.title if slot.title != discarded else None
        new = Slot(id=new_id(), title=title, discarded_title=discarded, created=snapshot.updated, hidden=hidden)
        follows = f"; what follows is a new conversation, {new.id}" if turns else ""
        self.remarks.append(f"{slot.id} was deleted meanwhile{follows}")
        return new, turns

    def _branch(self, slot: Slot, snapshot: Snapshot) -> Slot:
        """Return the slot of a branch of a conversation that another shell changed."""
        branch = slot.branch(new_id(), snapshot.updated, slot.title)
        self.remarks.append(
            f"another shell continues {slot.id}, too; this conversation is now {branch.id}, a branch of it"
        )
        return branch

    def _store(self, slot: Slot, snapshot: Snapshot, turns: tuple[Turn, ...], title: str | None) -> Slot:
        """Write the turns that the file does not have, and the row of the conversation."""
        common = _common(slot.turns, turns)
        count = slot.first + len(turns)
        if not count:
            if slot.revision:
                remove_conversations(self._database, [slot.id])
            return replace(slot, turns=(), revision=0, kept_title=None)
        if not title or (slot.first == common == 0 and not snapshot.title and not slot.title):
            title = title_of(turns[0].messages if turns else ())
        info = ConversationInfo(
            id=slot.id,
            title=title,
            created=slot.created,
            updated=snapshot.updated,
            turns=count,
            source=snapshot.source,
            origin=snapshot.origin,
            parent=slot.parent,
        )
        record = Record(info, snapshot.system, snapshot.cut, slot.revision + 1)
        first = slot.first + common
        if slot.revision:
            remove_turns(self._database, slot.id, first)
            update_conversation(self._database, record)
        else:
            self.additions.add_conversation(record)
        self.additions.add_turns(slot.id, first, [turn.messages for turn in turns[common:]])
        return replace(slot, kept_title=title, turns=turns, revision=slot.revision + 1)


def _aligned(slot: Slot, snapshot: Snapshot) -> tuple[Slot, tuple[Turn, ...]]:
    """Return the slot and the turns to write, both without the turns that only one of them has.

    The session has dropped its first turns, and still has those that the user deleted elsewhere.
    """
    hidden = min(slot.hidden, snapshot.dropped + len(snapshot.turns))
    turns = snapshot.turns[max(hidden - snapshot.dropped, 0) :]
    dropped = max(snapshot.dropped - hidden, 0)
    skipped = max(dropped - slot.dropped, 0)
    title = snapshot.title if snapshot.title != slot.discarded_title else None
    # A turn that was too long to be kept may have been dropped, too.
    first = slot.first + min(skipped, len(slot.turns))
    return replace(slot, title=title, turns=slot.turns[skipped:], first=first, dropped=dropped, hidden=hidden), turns


def _common(known: Sequence[Turn], turns: Sequence[Turn]) -> int:
    """Return how many turns both begin with."""
    if len(known) <= len(turns) and all(map(is_, known, turns)):
        return len(known)
    return len([*takewhile(bool, map(is_, known, turns))])
