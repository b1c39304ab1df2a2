"""Records the conversation of a run: a background thread writes the changes after each turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.errors import KaitoError
from kaito.history.identifiers import new_id
from kaito.history.records import shortened
from kaito.history.slots import Slot, Snapshot
from kaito.history.state_folder import Bounds
from kaito.history.writer import Writer
from kaito.types.conversations import Origin, Source

#: Seconds to wait until everything is written, at a prompt and at the end of a run.
PROMPT_TIMEOUT, END_TIMEOUT = 1.0, 10.0


class Recorder:
    """Records one conversation at a time.

    Args:
        folder: the state folder.
        source: where the messages come from.
        clock: returns seconds since 1970.
    """

    def __init__(self, folder: Path, bounds: Bounds, source: Source, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._source = source
        self._clock = clock
        self._writer = Writer(folder, bounds, clock)
        self._slot = self._new_slot()
        #: The slot that was given to the writer last; the slot itself has only what is already written.
        self._noted: Slot | None = None
        #: :attr:`Conversation.number` of the conversation that is recorded.
        self._number = 0

    @property
    def id(self) -> str:
        """The identifier of the current conversation."""
        return self._slot.id

    @property
    def title(self) -> str | None:
        """The title of the current conversation: the one that the user gave it, or the one in the file."""
        return self._slot.title or self._slot.kept_title

    @property
    def is_kept(self) -> bool:
        """Whether the current conversation is in the file."""
        return self._slot.revision > 0

    def resume(self, saved: SavedConversation, conversation: Conversation) -> None:
        """Continue a conversation of the history: the next turns are added to it.

        Args:
            conversation: the same conversation in the session.
        """
        self._number, info, turns = conversation.number, saved.info, conversation.turn_list
        if info is None:  # it is from a file
            self._slot = self._new_slot()
            return
        self._slot = Slot(
            id=info.id,
            title=info.title,
            kept_title=info.title,
            parent=info.parent,
            created=info.created,
            revision=saved.revision,
            turns=turns,
            first=max(info.turns - len(turns), 0),
        )

    def branch(self, title: str | None) -> None:
        """Keep the current turns, and those that follow, as another conversation."""
        self._slot = self._slot.branch(new_id(), self._clock(), title)

    def rename(self, title: str) -> None:
        """Give the current conversation a title."""
        self._slot.title = shortened(title)

    def save(self, conversation: Conversation, origin: Origin) -> None:
        """Queue the current state of the conversation to be written; :meth:`flush` waits until it is."""
        if conversation.number != self._number:
            self._number = conversation.number
            self._slot = self._new_slot()
        if not (conversation.turns or self._slot.turns or self._noted is self._slot):
            return
        last = conversation.last
        snapshot = Snapshot(
            turns=conversation.turn_list,
            system=conversation.system_prompt,
            dropped=conversation.dropped,
            cut=last is not None and last.cut,
            origin=origin,
            title=self._slot.title,
            updated=self._clock(),
            source=self._source,
        )
        self._noted = self._slot
        self._writer.put(self._slot, snapshot)

    def flush(self, timeout: float = PROMPT_TIMEOUT) -> None:
        """Wait until everything is written, for at most `timeout` seconds."""
        self._writer.flush(timeout)

    def close(self) -> None:
        """Write everything and close the file."""
        self._writer.close(END_TIMEOUT)

    def take_reports(self) -> list[KaitoError | str]:
        """Return what went wrong since the last call, and what the user should know."""
        return self._writer.take_reports()

    def _new_slot(self) -> Slot:
        return Slot(id=new_id(), created=self._clock())
