"""The shell: a `cmd.Cmd` that takes whole lines for messages unless they are commands."""

from __future__ import annotations

import cmd
from collections.abc import Mapping
from contextlib import nullcontext

from kaito.errors import ExitCode, Interrupted, KaitoError, OutputClosed, UsageError
from kaito.plugins import Offered, Plugins
from kaito.session import Session
from kaito.shell.answer import AnswerWriter
from kaito.shell.entries import Kind, classify
from kaito.shell.sources import Source
from kaito.state import LastConversation
from kaito.terminal import Terminal
from kaito.types import Message, SlashCommand
from kaito.untrusted import neutral, one_line

_HELP = """\
Available commands:
  quit/exit - Exit chat session
  clear     - Clear conversation history{two_blanks}
  help      - Show this help
  status    - Show current configuration
""".format(two_blanks="  ")  # documented so; editors strip blanks at a line's end

_MORE_HELP = """\
Anything else is a message. Put several lines between \""" and \""", or paste
them. To send a line that begins with '/', write '//'.

Commands:
"""


class Shell(cmd.Cmd):
    """Reads entries until their end. A slash command is a `SlashCommand`, a bare word a `do_` method.

    `cmd.Cmd` gives the frame, `onecmd` decides: its prefixes `?` and `!`, its `EOF` and its repetition on an empty
    line would take messages for commands.

    Attributes:
        exit_code: of the first failure in a script; `OK` otherwise.

    Args:
        session: answers.
        source: where entries come from.
        terminal: where everything is shown.
        plugins: isolate slash commands.
        commands: the plugins' slash commands.
        answers: draws the answers.
        kept: where the conversation is kept between runs; `None` keeps it nowhere.
        interactive: a person sits at the prompt. Otherwise the first failure ends the run.
        keep_going: it does not, after all.
    """

    def __init__(
        self,
        session: Session,
        source: Source,
        terminal: Terminal,
        plugins: Plugins,
        commands: Mapping[str, Offered[SlashCommand]],
        answers: AnswerWriter,
        *,
        interactive: bool,
        kept: LastConversation | None = None,
        keep_going: bool = False,
        verbose: bool = False,
    ) -> None:
        super().__init__()
        self.exit_code = ExitCode.OK
        self._session = session
        self._source = source
        self._terminal = terminal
        self._plugins = plugins
        self._commands = commands
        self._answers = answers
        self._interactive = interactive
        self._kept = kept
        self._keep_going = keep_going
        self._verbose = verbose

    # The loop

    def cmdloop(self, intro: str | None = None) -> None:
        """Do one entry after the other, until the end of input, `quit`, or a script's first failure.

        Raises:
            Interrupted: Ctrl-C, in a script.
            OutputClosed: nobody reads stdout any more.
        """
        self.preloop()
        stop = False
        while not stop:
            try:
                stop = self._next()
            except EOFError:
                stop = True
                if self._interactive:
                    self.do_quit("")
            except KeyboardInterrupt:
                if not self._interactive:
                    raise Interrupted from None
                self._terminal.aside("\n")
        self.postloop()

    def preloop(self) -> None:
        """Greet a person."""
        if not self._interactive:
            return
        label = one_line(self._session.connection.endpoint.label)
        self._terminal.aside(f"🤖 Connected to workspace: {label} ({one_line(self._session.model)})\n")
        if self._session.settings.system_prompt:
            self._terminal.aside(f"🎯 System prompt: {neutral(self._session.settings.system_prompt)}\n")
        self._terminal.aside("💬 Type your message (or 'quit' to exit):\n\n")

    def _next(self) -> bool:
        """Read an entry and do it; return whether it was the last."""
        stop = False
        try:
            entry = self._source.read()
            if entry.kind is Kind.NOTHING:
                return False
            if entry.kind is Kind.MESSAGE:
                self.say(entry.text)
            else:
                stop = self.onecmd(f"/{entry.text} {entry.arguments}" if entry.kind is Kind.SLASH else entry.text)
        except (EOFError, OutputClosed):
            raise
        except KaitoError as exc:
            self._fail(exc)
            stop = not self._interactive and not self._keep_going
        except Interrupted:
            if not self._interactive:
                raise
        except Exception as exc:
            self._fail(KaitoError(f"This is a bug in kaito: {type(exc).__name__}: {exc}", "Please report it"))
            if self._verbose:
                import traceback

                self._terminal.note(traceback.format_exc())
            stop = not self._interactive and not self._keep_going
        if self._interactive and not stop:
            self._terminal.aside("\n")
        return stop

    def _fail(self, error: KaitoError) -> None:
        if not self._interactive and self.exit_code is ExitCode.OK:
            self.exit_code = error.exit_code
        self._terminal.error(error, where=self._source.where)

    # Dispatch

    def onecmd(self, line: str) -> bool:
        """Do one line of input; return whether it ends the shell.

        Raises:
            KaitoError: it failed.
        """
        entry = classify(line)
        match entry.kind:
            case Kind.WORD:
                method = getattr(self, f"do_{entry.text}")
                return bool(method(""))
            case Kind.SLASH:
                return self._slash(entry.text, entry.arguments)
            case Kind.MESSAGE:
                self.say(entry.text)
        return False

    def say(self, text: str) -> None:
        """Send a message and show its answer.

        Raises:
            KaitoError: the turn failed.
        """
        with self._terminal.hushed() if self._interactive else nullcontext():
            self._answers.show(self._session, text)
        self._keep()

    def _keep(self) -> None:
        """Keep the conversation for `--continue`; tell once if that cannot be done."""
        if self._kept is not None:
            try:
                self._kept.save(self._session.conversation.messages)
            except KaitoError as exc:
                self._kept = None
                self._terminal.error(exc)

    def _slash(self, name: str, arguments: str) -> bool:
        if method := getattr(self, f"slash_{name}", None) or (getattr(self, f"do_{name}", None)):
            return bool(method(arguments))
        offered = self._commands.get(name)
        if offered is None:
            from difflib import get_close_matches

            known = [*self._own_commands(), *self._commands]
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean /{near[0]}?" if near else "See /help"
            raise UsageError(f"Unknown command '/{name}'", hint, f"To send it as a message, write //{name}")
        if offered.value.touches_files and not self._source.trusted:
            raise UsageError(f"/{name} works at a prompt and in --script FILE, not from a pipe")
        with self._plugins.guarding(offered.plugin, f"/{name}"):
            offered.value.run(arguments, self)
        return False

    def _own_commands(self) -> list[str]:
        return [name.removeprefix("do_") for name in self.get_names() if name.startswith("do_")]

    # The documented words

    def do_quit(self, argument: str) -> bool:
        """Exit the chat session"""
        if self._interactive:
            self._terminal.aside("👋 Goodbye!\n")
        return True

    do_exit = do_quit

    def do_clear(self, argument: str) -> None:
        """Clear the conversation history; the system prompt stays"""
        self._session.conversation.clear()
        if self._kept is not None:
            self._kept.forget()
        word = "🗑️ Conversation history cleared"
        if self._interactive:
            self._terminal.aside(f"{word}\n")
        else:
            self._terminal.note(word)

    def do_help(self, argument: str) -> None:
        """Show the commands"""
        self._terminal.write(_HELP)
        if self._interactive:
            self._terminal.note("(/help tells more)", dim=True)

    def do_status(self, argument: str) -> None:
        """Show the configuration"""
        session = self._session
        template = session.conversation.template
        self._terminal.write(
            "Configuration:\n"
            f"  Workspace: {one_line(session.connection.endpoint.label)}\n"
            f"  Model: {one_line(session.model)}\n"
            f"  Temperature: {template.temperature}\n"
            f"  Max tokens: {template.max_tokens}\n"
            f"  Top-p: {template.top_p}\n"
            f"  System prompt: {neutral(session.conversation.system_prompt or '(none)')}\n"
        )

    # What the slash says beyond the words

    def slash_help(self, argument: str) -> None:
        """Show all commands, the plugins' too"""
        rows = [(f"/{name}", getattr(self, f"do_{name}").__doc__) for name in self._own_commands()]
        rows += [
            (f"/{name} {offered.value.arguments}".rstrip(), one_line(offered.value.describe()))
            for name, offered in sorted(self._commands.items())
        ]
        width = max(len(name) for name, _ in rows)
        self._terminal.write(_MORE_HELP + "".join(f"  {name:<{width}}  {summary}\n" for name, summary in rows))

    def slash_status(self, argument: str) -> None:
        """Show the configuration, the endpoint and the tokens of the last turn"""
        self.do_status("")
        session = self._session
        endpoint, reply = session.connection.endpoint, session.reply
        window = next((info.window for info in session.connection.models if info.name == session.model), None)
        lines = [
            f"Endpoint: {one_line(endpoint.shown_url)}",
            f"Backend: {session.connection.backend}",
            *([f"Answered by: {one_line(endpoint.via())}"] if endpoint.via else []),
            f"Window: {f'{window} tokens' if window else 'not told by the server'}",
            f"Turns: {session.conversation.turns}",
        ]
        if reply is not None and reply.usage is not None:
            lines.append(f"Last turn: {reply.usage.prompt_tokens} + {reply.usage.completion_tokens} tokens")
        self._terminal.write("".join(f"  {line}\n" for line in lines))

    # What plugins' commands may use (`ShellAPI`)

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages that the next turn would send before its own."""
        return self._session.conversation.messages

    def write(self, text: str) -> None:
        """Write text to stdout."""
        self._terminal.write(neutral(text))

    def notice(self, text: str) -> None:
        """Write a line to stderr."""
        self._terminal.note(text)

    def ask(self, text: str) -> None:
        """Send a message and show its answer."""
        if not text.strip():
            raise UsageError("There is no message to send")
        self.say(text)
