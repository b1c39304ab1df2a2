"""Turns as the shell takes them: asked, shown, and kept for the next run."""

from __future__ import annotations

from contextlib import nullcontext

from kaito.errors import Ended, Interrupted, KaitoError, ModelError
from kaito.session import Pieces, Session
from kaito.shell.answer import AnswerWriter
from kaito.shell.tuning import Tuning
from kaito.state import LastConversation
from kaito.terminal import Terminal


class Talk:
    """The conversation with all that a turn changes.

    Args:
        session: answers.
        terminal: hushed while an answer is written.
        answers: draws them.
        tuning: knows what to do about a setting that the server refuses.
        kept: where the conversation is kept between runs; `None` keeps it nowhere.
        interactive: a person sits at the prompt.
    """

    def __init__(
        self,
        session: Session,
        terminal: Terminal,
        answers: AnswerWriter,
        tuning: Tuning,
        *,
        kept: LastConversation | None,
        interactive: bool,
    ) -> None:
        self.session = session
        self._terminal = terminal
        self._answers = answers
        self._tuning = tuning
        self._kept = kept
        self._interactive = interactive
        # Whether it was told that the conversation cannot be kept.
        self._told = False

    def ask(self, text: str) -> None:
        """Send a message and show its answer.

        Raises:
            KaitoError: the turn failed.
        """
        self._take(self.session.ask(text))

    def retry(self) -> None:
        """Send the last message again and show its answer.

        Raises:
            KaitoError: there is none, or the turn failed.
        """
        self._take(self.session.retry())

    def go_on(self) -> None:
        """Have the last answer go on, and show what comes.

        Raises:
            KaitoError: it was not cut, or the turn failed.
        """
        self._take(self.session.go_on())

    def _take(self, pieces: Pieces) -> None:
        # Until all is done: what is typed is echoed by the terminal, or by the prompt, but not by both.
        with self._terminal.hushed() if self._interactive else nullcontext():
            try:
                self._answers.show(self.session, pieces)
            except ModelError as exc:
                self._tuning.advise(exc)
                raise
            except Interrupted as exc:
                if self._interactive and not isinstance(exc, Ended):
                    told = "(stopped)" if self.session.kept else "(stopped; the conversation is as it was)"
                    self._terminal.note(told, dim=True)
                self.keep()
                raise
            self.keep()

    def undo(self) -> str:
        """Take back the message that failed, else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """
        text = self.session.undo()
        self.keep()
        return text

    def keep(self) -> None:
        """Keep the conversation for `--continue`; tell once if that cannot be done."""
        if self._kept is not None:
            try:
                self._kept.save(self.session.past)
            except KaitoError as exc:
                if not self._told:
                    self._told = True
                    self._terminal.shortcoming(exc)

    def clear(self) -> None:
        """Forget what was said, and what was kept of it; not what another run has kept."""
        self.session.clear()
        self.keep()
