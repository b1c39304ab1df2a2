"""Writes conversations on a background thread, so that no answer waits for the disk.

All changes that arrive while the thread is writing are written in one transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kaito.errors import KaitoError, bug_error
from kaito.history.slots import Slot, Snapshot
from kaito.history.state_folder import Bounds

if TYPE_CHECKING:
    from kaito.history.database import Database

#: Seconds for which the thread collects changes, unless a caller waits for them: a script may have thousands of turns.
_BATCH_DELAY = 0.1
#: Changes after which the bounds are checked again.
_PRUNE_AFTER = 500
#: The most conversations that are kept to be tried again.
_MOST_FAILED = 1000


class Writer:
    """Takes conversations from one thread and writes them on another, which starts with the first conversation.

    Args:
        folder: the state folder.
        clock: returns seconds since 1970.
    """

    def __init__(self, folder: Path, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._bounds = bounds
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        # Guarded by the condition:
        self._waiting: dict[int, tuple[Slot, Snapshot]] = {}
        self._writing = False
        self._hurried = False
        self._closed = False
        self._reports: list[KaitoError | str] = []
        # The thread's own:
        self._database: Database | None = None
        #: Conversations that could not be written: they are tried again with the next batch, and at the end.
        self._failed: dict[int, tuple[Slot, Snapshot]] = {}
        self._failure: tuple[str, ...] = ()
        self._until_pruned = 0

    def put(self, slot: Slot, snapshot: Snapshot) -> None:
        """Queue the current state of a conversation, in place of an earlier one that is still waiting."""
        with self._changed:
            if self._closed:
                return
            was_idle = not self._waiting
            self._waiting[id(slot)] = (slot, snapshot.after(_snapshot(self._waiting, slot)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="history", daemon=True)
                self._thread.start()
            elif was_idle:
                self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until everything is written, for at most `timeout` seconds; return whether it is."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._waiting and not self._writing, timeout)
            finally:
                self._hurried = self._closed

    def close(self, timeout: float) -> None:
        """Write everything and close the file, within `timeout` seconds."""
        with self._changed:
            self._closed = self._hurried = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                self._report(KaitoError(f"The last turns could not be written to {self._folder} in time"))

    def take_reports(self) -> list[KaitoError | str]:
        """Return what happened since the last call: errors, and remarks for the user."""
        if not self._reports:
            return []
        with self._changed:
            reports, self._reports = self._reports, []
        return reports

    # On the thread

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._write(batch)
        finally:
            with self._changed:
                self._writing = False
                self._waiting.clear()
                self._changed.notify_all()
            if self._database is not None:
                self._database.close()

    def _next_batch(self) -> list[tuple[Slot, Snapshot]]:
        """Return the next conversations to write; an empty list at the end."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._hurried:
                self._changed.wait_for(lambda: self._hurried, _BATCH_DELAY)
            waiting = {
                key: (slot, snapshot.after(_snapshot(self._failed, slot)))
                for key, (slot, snapshot) in self._waiting.items()
            }
            batch = {**self._failed, **waiting}
            self._failed.clear()
            self._waiting.clear()
            self._writing = bool(batch)
            return [*batch.values()]

    def _write(self, batch: list[tuple[Slot, Snapshot]]) -> None:
        """Write conversations in one transaction; when that fails, each by itself."""
        if self._try_to_write(batch) or len(batch) == 1:
            return
        for one in batch:
            self._try_to_write([one])

    def _try_to_write(self, batch: list[tuple[Slot, Snapshot]]) -> bool:
        from kaito.history.changes import write_changes
        from kaito.history.store import TurnTooLongError

        try:
            database = self._opened()
            remarks = write_changes(database, batch)
        except Exception as exc:
            if len(batch) > 1:
                return False
            if not (self._closed or isinstance(exc, TurnTooLongError)) and len(self._failed) < _MOST_FAILED:
                self._failed[id(batch[0][0])] = batch[0]
            self._fail(exc)
            return True
        self._failure = ()
        for remark in remarks:
            self._report(remark)
        self._until_pruned -= len(batch)
        if self._until_pruned <= 0:
            self._until_pruned = _PRUNE_AFTER
            self._prune(database, batch[-1][0].id)
        return True

    def _prune(self, database: Database, current: str) -> None:
        """Remove old conversations. If that fails, the turns are in the file all the same."""
        from kaito.history.pruning import prune

        try:
            prune(database, self._bounds, self._clock(), current)
        except Exception as exc:
            self._fail(exc)

    def _fail(self, exc: Exception) -> None:
        """Report an error. A bug must not end the thread, nor write a traceback over the screen."""
        self._report(exc if isinstance(exc, KaitoError) else bug_error(exc))
        # A file that was moved away is created again.
        self._close_database()

    def _opened(self) -> Database:
        if self._database is not None and not self._database.is_in_place:
            self._close_database()
        if self._database is None:
            from kaito.history.opening import open_database

            self._database = open_database(self._folder, create=True)
        if self._database is None:
            raise KaitoError(f"Cannot keep conversations in {self._folder}")
        return self._database

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _report(self, report: KaitoError | str) -> None:
        """Remember a report for the user; the same error is reported once."""
        if isinstance(report, KaitoError):
            if self._failure == (report.message, *report.hints):
                return
            self._failure = (report.message, *report.hints)
        with self._changed:
            self._reports.append(report)


def _snapshot(batch: Mapping[int, tuple[Slot, Snapshot]], slot: Slot) -> Snapshot | None:
    found = batch.get(id(slot))
    return found[1] if found is not None else None
