"""The shell's access to the history: keeps the current conversation, and continues earlier ones."""

from __future__ import annotations

from collections.abc import Iterable

from kaito.chat.session import Session
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, UsageError
from kaito.history.library import Library
from kaito.history.recorder import END_TIMEOUT, Recorder
from kaito.history.records import title_of
from kaito.types.conversations import ConversationInfo, Origin

#: Why a command from a pipe may not read the history: a stranger may have written it.
_NOT_FROM_A_PIPE = "Past conversations can be read at a prompt and in --script FILE, not from a pipe"


class PastConversations:
    """The history of a session; without a recorder nothing is kept.

    Args:
        waits: whether each turn is on the disk before the next entry is read: at a prompt.
        trusted: whether commands may read earlier conversations. Those from a pipe may not.
    """

    def __init__(
        self, session: Session, terminal: Terminal, recorder: Recorder | None, *, waits: bool, trusted: bool
    ) -> None:
        self._session = session
        self._terminal = terminal
        self._recorder = recorder
        self._waits = waits
        self._trusted = trusted
        self._origin: Origin | None = None
        if recorder is not None and session.resumed is not None:
            recorder.resume(session.resumed, session.conversation)

    def save(self) -> None:
        """Keep the current state of the conversation; report a failure once."""
        if self._recorder is None:
            return
        self._recorder.save(self._session.conversation, self.origin)
        if self._waits:
            self._recorder.flush()
        self.report()

    def report(self) -> None:
        """Show errors of the history, and remarks such as a new identifier of the conversation."""
        if self._recorder is not None:
            show_reports(self._recorder, self._terminal)

    @property
    def origin(self) -> Origin:
        """The origin of conversations in this session."""
        model = self._session.model
        if self._origin is None or self._origin.model != model:
            self._origin = self._session.connection.origin(self._session.settings.current.target, model)
        return self._origin

    # For commands

    def find(self, words: str) -> list[ConversationInfo]:
        """Return the conversations that contain all words, newest first.

        Raises:
            KaitoError: nothing is kept, the command comes from a pipe, or the history cannot be read.
        """
        return self._readable().find(words)

    def excerpts(self, words: str, ids: Iterable[str]) -> dict[str, str]:
        """Return excerpts of one line with these words, by the identifiers of conversations that :meth:`find` found.

        Raises:
            KaitoError: as :meth:`find`.
        """
        return self._readable().excerpts(words, ids)

    @property
    def id(self) -> str | None:
        """The identifier of the current conversation; `None` if it is not kept."""
        if self._recorder is None:
            return None
        # Writing may fail, or change it because another shell continues the same conversation.
        self._recorder.flush()
        return self._recorder.id if self._recorder.is_kept else None

    @property
    def title(self) -> str | None:
        """The title of the current conversation; `None` if it has none yet."""
        turns = self._session.conversation.turn_list
        given = None
        if self._recorder is not None:
            # The file has it when the first turn has left the window.
            self._recorder.flush()
            given = self._recorder.title
        return given or (title_of(turns[0].messages) if turns else None)

    def resume(self, typed: str) -> None:
        """Continue an earlier conversation in place of the current one, which stays in the history.

        Raises:
            KaitoError: nothing is kept, the command comes from a pipe, or there is no such conversation that can be
                read.
        """
        saved = self._readable().load(typed)
        self._session.resume(saved)
        self._keeping().resume(saved, self._session.conversation)

    def branch(self, title: str) -> None:
        """Keep the current turns, and those that follow, as another conversation.

        Raises:
            KaitoError: nothing is kept, there is no turn yet, or the history cannot be written.
        """
        recorder = self._keeping()
        if not self._session.conversation.turns:
            raise UsageError("There is no turn yet: nothing to branch from")
        self._write("This conversation is not in the history: there is nothing to branch from")
        recorder.branch(title or None)
        self.save()
        self._write("The branch is not in the history yet; it is tried again after the next turn")

    def rename(self, title: str) -> None:
        """Give the current conversation a title.

        Raises:
            KaitoError: nothing is kept.
        """
        self._keeping().rename(title)
        self.save()

    def _write(self, failure: str) -> None:
        """Wait until the current conversation is in the file.

        Raises:
            KaitoError: it could not be written. The reason is shown first.
        """
        recorder = self._keeping()
        recorder.flush(END_TIMEOUT)
        if not recorder.is_kept:
            self.report()
            raise KaitoError(failure)

    def _readable(self) -> Library:
        """Return the history, after the current conversation was written to it."""
        if not self._trusted:
            raise UsageError(_NOT_FROM_A_PIPE)
        recorder = self._keeping()
        recorder.flush()
        return Library(recorder.folder)

    def _keeping(self) -> Recorder:
        if self._recorder is None:
            raise UsageError("Conversations are not kept: KAITO_HISTORY=off")
        return self._recorder


def show_reports(recorder: Recorder, terminal: Terminal) -> None:
    """Show the errors of the history since the last call, and remarks about the conversation."""
    for report in recorder.take_reports():
        if isinstance(report, KaitoError):
            terminal.warning(report)
        else:
            terminal.note(f"({report})", dim=True)
