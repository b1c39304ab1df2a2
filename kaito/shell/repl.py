"""The shell: a `cmd.Cmd` that treats every line as a message unless it is a command."""

from __future__ import annotations

import cmd
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress

from kaito.chat.session import Session
from kaito.console.terminal import Terminal
from kaito.console.wrapping import window_columns
from kaito.errors import Ended, ExitCode, Interrupted, KaitoError, OutputClosed, UsageError, bug_error
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.context import ShellContext
from kaito.shell.input.entries import WORDS, Entry, Kind, classify
from kaito.shell.input.sources import Source
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.render.banner import INSTRUCTION, banner, resumed
from kaito.shell.render.configuration import configuration, details
from kaito.shell.render.help_text import DOCUMENTED, Help
from kaito.types import SlashCommand


class Shell(cmd.Cmd):
    """Reads entries until the end of input. A slash command is a `SlashCommand`, a bare word a `do_` method.

    `cmd.Cmd` provides the structure. `onecmd` is overridden, because the base class takes messages such as `?`, `!ls`
    and `EOF` for commands, and repeats the last one on an empty line.

    Attributes:
        exit_code: that of a script's first failure, otherwise `OK`.
        commands: the slash commands by name.

    Args:
        interactive: whether the user types at a prompt. Otherwise the first failure ends the run.
    """

    def __init__(
        self,
        session: Session,
        context: ShellContext,
        answers: AnswerWriter,
        source: Source,
        terminal: Terminal,
        plugins: Plugins,
        commands: Mapping[str, Offered[SlashCommand]],
        *,
        interactive: bool,
        keep_going: bool = False,
        verbose: bool = False,
    ) -> None:
        super().__init__()
        self.exit_code = ExitCode.OK
        self.commands = commands
        #: The words after a slash, where some show more. Plugins cannot use their names.
        self._words: dict[str, Callable[[str], bool | None]] = {
            **{word: getattr(self, f"do_{word}") for word in sorted(WORDS)},
            "help": self._help,
            "status": self._status,
        }
        self._help_texts = Help(self._words, commands)
        self._session = session
        self._context = context
        self._answers = answers
        self._source = source
        self._terminal = terminal
        self._plugins = plugins
        self._interactive = interactive
        self._keep_going = keep_going
        self._verbose = verbose

    # The loop

    def cmdloop(self, intro: str | None = None) -> None:
        """Run one entry after the other until the end of input, `quit`, or a script's first failure.

        Raises:
            Interrupted: Ctrl-C in a script.
            Ended: SIGTERM or SIGHUP.
            OutputClosed: stdout was closed.
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
                self._terminal.write_interactive("\n")
        self.postloop()

    def preloop(self) -> None:
        """Show the banner at a prompt, and in every mode which conversation is continued."""
        if self._interactive:
            self._terminal.write_interactive(banner(self._session))
        for remark in resumed(self._session):
            self._terminal.note(remark, dim=True)
        if self._interactive:
            self._terminal.write_interactive(INSTRUCTION)
            connection = self._session.connection
            self._terminal.show_location([*connection.endpoint.place, ("backend", connection.backend)])
            self._terminal.write_interactive("\n")

    def _next(self) -> bool:
        """Read an entry and run it; return whether it was the last."""
        stop = False
        # At a prompt, a pending Ctrl-C was meant for an answer that has ended meanwhile.
        with suppress(KeyboardInterrupt) if self._interactive else nullcontext():
            self._terminal.keyboard.raise_pending()
        try:
            entry = self._read()
            if entry.kind is Kind.NOTHING:
                return False
            stop = self._run(entry)
        except (EOFError, OutputClosed):
            raise
        except KaitoError as exc:
            stop = self._fail(exc)
        except Interrupted as exc:
            if not self._interactive or isinstance(exc, Ended):
                raise
        except Exception as exc:
            stop = self._fail(bug_error(exc))
            if self._verbose:
                import traceback

                self._terminal.note(traceback.format_exc())
        if self._interactive and not stop:
            self._terminal.write_interactive("\n")
        return stop

    def _read(self) -> Entry:
        try:
            return self._source.read()
        finally:
            self._session.line = self._source.line

    def _fail(self, error: KaitoError) -> bool:
        """Show a failure; return whether it ends the run."""
        if not self._interactive and self.exit_code is ExitCode.OK:
            self.exit_code = error.exit_code
        try:
            self._answers.report(error, self._session.line)
        except OutputClosed:
            raise
        except KaitoError as exc:
            self._terminal.error(exc)
        self._terminal.error(error, where=self._source.where, in_shell=self._interactive)
        # Without stdout, further answers would go nowhere.
        return not self._interactive and not (self._keep_going and self._terminal.stdout is not None)

    # Dispatch

    def onecmd(self, line: str) -> bool:
        """Run one line of input; return whether it ends the shell.

        Raises:
            KaitoError: it failed.
        """
        return self._run(classify(line))

    def _run(self, entry: Entry) -> bool:
        self._session.typed = entry.arguments or entry.text
        match entry.kind:
            case Kind.MESSAGE:
                self._context.ask(entry.text)
            case Kind.WORD:
                method = getattr(self, f"do_{entry.text}")
                return bool(method(""))
            case Kind.SLASH:
                return self._slash(entry.text, entry.arguments)
        return False

    def _slash(self, name: str, arguments: str) -> bool:
        as_message = f"To send it as a message, write //{name}"
        takes = self._help_texts.takes(name)
        if takes is None:
            raise self._help_texts.unknown(name, as_message)
        if arguments and not takes:
            raise UsageError(f"/{name} takes no arguments", as_message)
        if word := self._words.get(name):
            return bool(word(arguments))
        offered = self.commands[name]
        if offered.value.touches_files and not self._source.trusted:
            raise UsageError(f"/{name} works at a prompt and in --script FILE, not from a pipe")
        with self._plugins.isolated(offered.plugin, f"/{name}"):
            offered.value.run(arguments, self._context)
        return False

    # The documented words

    def do_quit(self, argument: str) -> bool:
        """Exit the chat session"""
        if self._interactive:
            self._terminal.write_interactive("👋 Goodbye!\n")
        return True

    do_exit = do_quit

    def do_clear(self, argument: str) -> None:
        """Clear the conversation history; the system prompt stays

        A new conversation begins. /sessions lists the earlier one, and /resume continues it.
        """
        self._context.clear()
        message = "🗑️ Conversation history cleared"
        if self._interactive:
            self._terminal.write_interactive(f"{message}\n")
        else:
            self._terminal.note(message)

    def do_help(self, argument: str) -> None:
        """Show the commands"""
        self._context.write(DOCUMENTED)
        if self._interactive:
            self._terminal.note("(/help shows more)", dim=True)

    def do_status(self, argument: str) -> None:
        """Show the configuration"""
        self._context.write(configuration(self._session))

    # The words after a slash that show more

    def _help(self, argument: str) -> None:
        """Show all commands, including plugins', or help on one"""
        texts, columns = self._help_texts, window_columns()
        self._context.write(texts.about(argument, columns) if argument else texts.overview(columns))

    def _status(self, argument: str) -> None:
        """Show the configuration, the endpoint and the tokens

        The tokens are those of the last turn, by the server's count. Only settings that differ from their defaults are
        shown; /set shows all.
        """
        self._context.write(configuration(self._session) + details(self._session), hang=4)
