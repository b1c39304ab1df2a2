"""What slash commands can use, built-in ones and those of plugins alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from kaito.chat.session import Pieces, Session
from kaito.console.terminal import Terminal
from kaito.errors import Ended, Interrupted, UsageError
from kaito.history.recorder import Recorder
from kaito.options.prompts import filled, names_file, prompt, unfilled
from kaito.shell.past_conversations import PastConversations
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.render.banner import resumed
from kaito.shell.render.command_output import CommandOutput
from kaito.types import Column, ConversationInfo, Image, Message, ModelInfo, Reply, Row
from kaito.types.message_checks import checked_images
from kaito.util.suggest import near_or_listed

#: Models that a message names.
_MAX_NAMED = 10
#: Why a command from a pipe may not name a file: a stranger may have written it.
_NOT_FROM_A_PIPE = "a file can be named at a prompt and in --script FILE, not from a pipe"


class ShellContext:
    """The shell as a slash command sees it; the second argument of `SlashCommand.run`.

    The constructor's arguments are the shell's own; commands get a context and never create one.

    Args:
        recorder: keeps the conversation in the history; `None` keeps it nowhere.
        interactive: whether the user types at a prompt.
        trusted: whether the input may name files. Input from a pipe may not.
        mute: keeps type-ahead off the screen in a `with` block.
    """

    def __init__(
        self,
        session: Session,
        terminal: Terminal,
        answers: AnswerWriter,
        *,
        recorder: Recorder | None = None,
        remember: Callable[[str], object] = lambda text: None,
        interactive: bool = False,
        trusted: bool = True,
        mute: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._session = session
        self._terminal = terminal
        self._answers = answers
        self._output = CommandOutput(terminal, answers)
        self._remember = remember
        self._interactive = interactive
        self._trusted = trusted
        self._attached: tuple[Image, ...] = ()
        self._mute = mute
        self._past = PastConversations(session, terminal, recorder, waits=interactive, trusted=trusted)
        #: With `--each`: the number of the line that began the conversation.
        self._line: int | None = None
        #: The message that was sent last, and so is on the screen.
        self._visible = ""

    # State

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The system prompt, if any, and the turns: what the next request sends before its own message."""
        return self._session.conversation.messages

    @property
    def last_message(self) -> Message | None:
        """The user's last message, answered or not."""
        return self._session.last_message

    @property
    def attached(self) -> tuple[Image, ...]:
        """The images that wait for the next message."""
        return self._attached

    @property
    def reply(self) -> Reply | None:
        """The last turn's answer with its statistics; `None` without a turn, or when it was loaded."""
        last = self._session.conversation.last
        return last.reply if last is not None else None

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self._session.model

    @property
    def server(self) -> str:
        """The server of the conversation, for people: `my-llama (namespace team-a, context prod)`."""
        return self._past.origin.shown

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The models and adapters that the server listed last; empty when it has no list."""
        return self._session.models

    @property
    def window(self) -> int | None:
        """The context window in tokens; `None` when the server does not report it."""
        return self._session.window

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings that `/set` can change, with their values as it takes them."""
        return self._session.settings.shown

    def choices(self, setting: str) -> tuple[str, ...]:
        """Return the allowed values of a setting, when they can be listed.

        Raises:
            UsageError: there is no such setting.
        """
        return self._session.settings.choices(setting)

    # Output

    def write(self, text: str, *, hang: int | None = None) -> None:
        """Show a text without control sequences: on stdout, or on stderr when the formatter keeps stdout for answers.

        Args:
            hang: at a terminal, lines that are longer than the window are broken between words, and continue with this
                many columns of further indentation; `None` leaves that to the terminal.
        """
        self._output.write(text, hang=hang)

    def write_typed(self, text: str) -> None:
        """Show a text after `> `, where :meth:`write` does, in the colour of what the user types."""
        self._output.write_typed(text)

    def write_table(self, columns: Sequence[Column], rows: Iterable[Row | str]) -> None:
        """Show a table, where :meth:`write` does. At a terminal, columns that do not fit are below their row.

        Args:
            columns: the last may have empty cells; in the others they are shown as `-`.
            rows: their cells: texts, or a :class:`~kaito.types.Cell` for one whose colour has a meaning. A text in
                place of a row is another line of the last column of the row above. Control sequences are removed.
        """
        self._output.write_table(columns, rows)

    def notice(self, text: str) -> None:
        """Write a text as one line to stderr; at a terminal, it is wrapped. Control sequences are removed."""
        self._terminal.notice(text)

    # Turns

    def attach(self, image: Image) -> None:
        """Send an image with the next message, together with those that already wait for it."""
        self._attached = checked_images((*self._attached, image))

    def ask(self, text: str, *, shown: str | None = None) -> None:
        """Send a message and show the answer, as if it had been typed. The images that wait are sent with it.

        At a prompt, a message that the user has not typed is shown first.

        Args:
            shown: a remark on stderr in place of the message, such as the name and the size of a file.

        Raises:
            KaitoError: the turn failed.
        """
        if not text.strip():
            raise UsageError("There is no message to send")
        self._begin_conversation()
        if self._interactive and shown is not None:
            self._terminal.note(f"({shown})", dim=True)
        elif self._interactive and text.strip() not in self._session.typed:
            self._output.show_message(text)
        self._visible = text
        images, self._attached = self._attached, ()
        self._show(self._session.ask(text, images))

    def _begin_conversation(self) -> None:
        """With `--each`, forget the conversation of earlier lines, once for each line that sends a message."""
        line = self._session.line
        if self._session.settings.current.each and line != self._line:
            self._line = line
            self._session.clear()

    def retry(self) -> None:
        """Send a failed message again, or else replace the last turn by a new answer.

        Raises:
            KaitoError: there is no message, or the turn failed; the conversation is then unchanged.
        """
        pieces, message = self._session.retry(), self._session.last_message
        if self._interactive and message is not None and message.content not in ("", self._visible):
            self._output.show_message(message.content)
            self._visible = message.content
        self._show(pieces)

    def continue_answer(self) -> None:
        """Continue the last answer, which was cut; the continuation is appended to it.

        Raises:
            KaitoError: the answer is complete, or the turn failed.
        """
        self._show(self._session.continue_answer())

    def undo(self) -> Message:
        """Remove the images that wait, or else the failed message, or else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """
        if self._attached:
            images, self._attached = self._attached, ()
            return Message("user", "", images=images)
        message = self._session.undo()
        self._past.save()
        return message

    def replace(self, messages: Sequence[Message]) -> None:
        """Replace the conversation by an optional system prompt and then user and assistant in turn.

        Raises:
            UsageError: the messages are anything else.
        """
        try:
            self._session.replace(messages)
        except ValueError as exc:
            raise UsageError(f"Not a conversation: {exc}") from None
        self._line = self._session.line
        self._past.save()

    def clear(self) -> None:
        """Begin a new conversation, and remove the images that wait. `/sessions` lists the earlier one."""
        self._attached = ()
        self._session.clear()
        self._past.save()

    # Past conversations

    @property
    def title(self) -> str | None:
        """The conversation's title: by :meth:`rename`, else the first line of its first message, if there is one."""
        return self._past.title

    @property
    def id(self) -> str | None:
        """The conversation's identifier in the history; `None` while it is not kept there."""
        return self._past.id

    def rename(self, title: str) -> None:
        """Give the conversation a title.

        Raises:
            KaitoError: conversations are not kept.
        """
        self._past.rename(title)

    def sessions(self, words: str = "") -> Sequence[ConversationInfo]:
        """Return the conversations of the history that contain all words, newest first; without words, all of them.

        A command that uses it sets `touches_files`.

        Raises:
            UsageError: the command comes from a pipe.
            KaitoError: conversations are not kept, or the history cannot be read.
        """
        return self._past.find(words)

    def excerpts(self, words: str, conversations: Iterable[ConversationInfo]) -> Mapping[str, str]:
        """Return excerpts of conversations that :meth:`sessions` found: by identifier, a line of text with the words.

        A conversation that has the words only in its title is left out. A command that uses this sets `touches_files`.

        Raises:
            KaitoError: the command comes from a pipe, conversations are not kept, or the history cannot be read.
        """
        return self._past.excerpts(words, [info.id for info in conversations])

    def resume(self, id: str) -> None:
        """Continue a conversation of the history in place of the current one; show which server it was with.

        A command that uses it sets `touches_files`.

        Args:
            id: its identifier, or the beginning of it.

        Raises:
            UsageError: the command comes from a pipe.
            KaitoError: conversations are not kept, there is no such conversation, or it cannot be read.
        """
        self._past.resume(id)
        self._attached = ()
        self._line = self._session.line
        for remark in resumed(self._session):
            self._terminal.note(remark, dim=True)

    def branch(self, title: str = "") -> None:
        """Continue a copy of the conversation: what follows is not added to the original.

        Raises:
            KaitoError: conversations are not kept, or there is no turn yet.
        """
        self._past.branch(title)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard of the user's terminal, also over SSH and in tmux (OSC 52).

        A command that uses it sets `touches_files`.

        Raises:
            UsageError: neither stdout nor stderr is a terminal, or the text is too long for one.
        """
        self._terminal.copy(text)

    def edit(self, text: str) -> str:
        """Open a text in the user's editor; return what was saved without trailing newlines, `""` when nothing was.

        A command that uses it sets `touches_files`.

        Raises:
            KaitoError: there is no terminal, the editor cannot be run, or it failed.
        """
        from kaito.shell.input.external_editor import edited

        saved = edited(text, self._terminal, os.environ)
        if saved.strip():
            self._remember(saved)
        return saved

    def read_prompt(self, text: str) -> str:
        """Return a system prompt as `--system-prompt` takes it: text, or `@FILE` with the run's variables.

        Raises:
            UsageError: the file cannot be read, has a variable without a value, or is named by a pipe.
        """
        if names_file(text) and not self._trusted:
            raise UsageError(f"/system: {_NOT_FROM_A_PIPE}")
        read, variables = prompt("/system")(text), self._session.settings.current.prompt_variables
        self._terminal.remark(unfilled(read, variables))
        return filled("/system", read, variables)

    # Settings and the server

    def set(self, setting: str, value: str | None) -> None:
        """Change a setting from the next turn on. `None` restores the value from the start of the session.

        Raises:
            UsageError: there is no such setting, the value is not allowed, or it names a file and comes from a pipe.
            KaitoError: the formatter that it names cannot be used.
        """
        if not self._trusted and self._session.settings.takes_file(setting, value):
            raise UsageError(f"{setting}: {_NOT_FROM_A_PIPE}")
        self._session.settings.set(setting, value)
        if setting == "format":
            self._answers.change_format()

    def use_model(self, name: str) -> None:
        """Request another model or adapter from the next turn on, with a warning if the server does not list it.

        Raises:
            KaitoError: the server cannot be reached.
        """
        if all(info.name != name for info in self.models):
            # It may have been loaded since.
            self.refresh_models()
        known = [info.name for info in self.models]
        if known and name not in known:
            # Gateways route to models that they do not list.
            self._terminal.notice(f"The server does not list '{name}'; it is requested anyway")
            self._terminal.notice(near_or_listed(name, known, _MAX_NAMED))
        self._session.use_model(name)

    def refresh_models(self) -> None:
        """Ask the server for its models again.

        Raises:
            KaitoError: it cannot be reached.
        """
        self._session.list_models()

    def count_tokens(self) -> int | None:
        """Return the conversation's tokens by the server's count; `None` when it does not answer within seconds."""
        return self._session.count_tokens()

    def _show(self, pieces: Pieces) -> None:
        # Muted until all is done: type-ahead is echoed by the terminal or by the prompt, never by both.
        with self._mute():
            try:
                self._answers.show(self._session, pieces)
            except Interrupted as exc:
                if self._interactive and not isinstance(exc, Ended):
                    remark = "(stopped)" if self._session.kept else "(stopped; the conversation is unchanged)"
                    self._terminal.note(remark, dim=True)
                self._past.save()
                self._session.report_turn()
                raise
            self._past.save()
        if not self._session.kept:
            self._terminal.note("(empty answer; the conversation is unchanged)", dim=True)
