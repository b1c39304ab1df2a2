"""The state that the session, the writer's thread and the file share of each conversation of a run."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from kaito.chat.turn import Turn
from kaito.history.records import shortened, title_of
from kaito.types.conversations import Origin, Source

#: Appended to the title of a branch to which the user gave no title.
_BRANCH = "(branch)"


class Slot(Struct, eq=False, kw_only=True):
    """One conversation as the file has it. The writer's thread changes it."""

    id: str
    #: The title that the user gave it; `None` if it is named after its first message.
    title: str | None = None
    #: The title that the file has; `None` when it has none.
    kept_title: str | None = None
    #: The title of the deleted conversation that this one follows. Snapshots from before the deletion was noticed may
    #: still have it.
    discarded_title: str | None = None
    parent: str | None = None
    #: Seconds since 1970.
    created: float
    #: The revision in the file; 0 if the file does not have it.
    revision: int = 0
    #: The turns in the file, from the number `first` on.
    turns: tuple[Turn, ...] = ()
    #: The number of the first of these turns. Earlier ones were dropped to fit the window, and stay in the file.
    first: int = 0
    #: How many of the conversation's turns the session has dropped since it began or resumed it.
    dropped: int = 0
    #: How many of the session's first turns are not written, because the user deleted them in the file.
    hidden: int = 0

    def become(self, other: Slot, title: str | None) -> None:
        """Copy all fields of another slot, except the title if the user has changed it meanwhile.

        Args:
            title: the title of this slot when the other one was made from it.
        """
        for name in self.__struct_fields__:
            if name != "title" or self.title == title:
                setattr(self, name, getattr(other, name))

    def branch(self, id: str, now: float, title: str | None = None) -> Slot:
        """Return a conversation that begins with the turns of this one, those too that only the file has."""
        if not title and (turns := self.turns):
            title = f"{self.title or self.kept_title or title_of(turns[0].messages)} {_BRANCH}"
        return Slot(
            id=id,
            title=shortened(title) if title else None,
            parent=self.id,
            created=now,
            first=self.first,
            dropped=self.dropped,
            hidden=self.hidden,
        )


class Snapshot(Struct, frozen=True, kw_only=True):
    """A conversation at the end of a turn."""

    turns: tuple[Turn, ...]
    #: How many turns were dropped before these.
    dropped: int
    system: str | None
    cut: bool
    origin: Origin
    title: str | None
    updated: float
    source: Source

    def after(self, earlier: Snapshot | None) -> Snapshot:
        """Return this one, with the turns that were dropped since an earlier one, which was not written."""
        lost = self.dropped - earlier.dropped if earlier is not None else 0
        if earlier is None or not 0 < lost <= len(earlier.turns):
            return self
        return replace(self, turns=(*earlier.turns[:lost], *self.turns), dropped=earlier.dropped)
