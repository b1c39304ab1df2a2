"""Turns as the shell takes them: asked, shown, and kept for the next run."""

from __future__ import annotations

from contextlib import nullcontext

from kaito.chat.saved import LastConversation
from kaito.chat.session import Pieces, Session
from kaito.console.terminal import Terminal
from kaito.errors import Ended, Interrupted, KaitoError, ModelError
from kaito.shell.live_settings import LiveSettings
from kaito.shell.render.answer_writer import AnswerWriter


class TurnRunner:
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
        tuning: LiveSettings,
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

    def continue_answer(self) -> None:
        """Have the last answer go on, and show what comes.

        Raises:
            KaitoError: it was not cut, or the turn failed.
        """
        self._take(self.session.continue_answer())

    def _take(self, pieces: Pieces) -> None:
        # Until all is done: what is typed is echoed by the terminal, or by the prompt, but not by both.
        with self._terminal.muted() if self._interactive else nullcontext():
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
