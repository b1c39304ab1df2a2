"""What slash commands may do with the shell, for the built-in ones and for plugins' alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from kaito.console.sanitize import sanitize
from kaito.console.terminal import Terminal
from kaito.errors import NotFoundError, UsageError
from kaito.shell.input.sources import Source
from kaito.shell.live_settings import LiveSettings
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.turn_runner import TurnRunner
from kaito.types import Message, ModelInfo, Reply, ShellContext


class ReplContext(ShellContext):
    """The shell as commands see it.

    Args:
        talk: the conversation.
        terminal: where they write.
        answers: say whether stdout is theirs as well.
        tuning: the settings.
        source: where entries come from.
    """

    def __init__(
        self, talk: TurnRunner, terminal: Terminal, answers: AnswerWriter, tuning: LiveSettings, source: Source
    ) -> None:
        self._talk = talk
        self._session = talk.session
        self._terminal = terminal
        self._answers = answers
        self._tuning = tuning
        self._source = source

    # What is there

    @property
    def conversation(self) -> tuple[Message, ...]:
        return self._session.conversation.messages

    @property
    def last_message(self) -> str | None:
        return self._session.last_message

    @property
    def reply(self) -> Reply | None:
        last = self._session.conversation.last
        return last.reply if last is not None else None

    @property
    def model(self) -> str:
        return self._session.model

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        return self._session.models

    @property
    def window(self) -> int | None:
        return self._session.window

    @property
    def settings(self) -> Mapping[str, str]:
        return self._tuning.shown

    def choices(self, setting: str) -> tuple[str, ...]:
        return self._tuning.choices(setting)

    # What is shown

    def write(self, text: str) -> None:
        if self._answers.alone:
            self._terminal.note(text.removesuffix("\n"))
        else:
            self._terminal.write(sanitize(text))

    def notice(self, text: str) -> None:
        self._terminal.note(text)

    # What is done

    def edit(self, text: str) -> str:
        from kaito.shell.input.external_editor import edited

        saved = edited(text, self._terminal, os.environ)
        if saved.strip():
            self._source.remember(saved)
        return saved

    def ask(self, text: str) -> None:
        if not text.strip():
            raise UsageError("There is no message to send")
        self._talk.ask(text)

    def retry(self) -> None:
        self._talk.retry()

    def continue_answer(self) -> None:
        self._talk.continue_answer()

    def undo(self) -> str:
        return self._talk.undo()

    def replace(self, messages: Sequence[Message]) -> None:
        try:
            self._session.replace(messages)
        except ValueError as exc:
            raise UsageError(f"This is no conversation: {exc}") from None
        self._talk.keep()

    def set(self, setting: str, value: str | None) -> None:
        self._tuning.set(setting, value)

    def use_model(self, name: str) -> None:
        known = [info.name for info in self.models]
        if name not in known:
            # It may have been loaded since.
            self.refresh_models()
            known = [info.name for info in self.models]
        if known and name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {', '.join(known)}"
            raise NotFoundError(f"The server has no model '{name}'", hint)
        self._session.use_model(name)

    def refresh_models(self) -> None:
        self._session.list_models()

    def count_tokens(self) -> int | None:
        return self._session.count_tokens()
