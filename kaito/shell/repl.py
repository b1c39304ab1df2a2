"""The shell: a `cmd.Cmd` that takes whole lines for messages unless they are commands."""

from __future__ import annotations

import cmd
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress

from kaito.chat.saved import LastConversation
from kaito.chat.session import Session
from kaito.console.sanitize import one_line, sanitize
from kaito.console.terminal import Terminal
from kaito.console.wrapping import window, wrapped
from kaito.errors import Ended, ExitCode, Interrupted, KaitoError, OutputClosed, UsageError
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.context import ReplContext
from kaito.shell.input.entries import WORDS, Entry, Kind, classify
from kaito.shell.input.sources import Source
from kaito.shell.input.tab_completion import Tab
from kaito.shell.live_settings import LiveSettings
from kaito.shell.render import configuration
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.render.banner import resumed
from kaito.shell.render.help_text import DOCUMENTED, Help
from kaito.shell.turn_runner import TurnRunner
from kaito.types import SlashCommand


class Shell(cmd.Cmd):
    """Reads entries until their end. A slash command is a `SlashCommand`, a bare word a `do_` method.

    `cmd.Cmd` gives the frame, `onecmd` decides: its prefixes `?` and `!`, its `EOF` and its repetition on an empty
    line would take messages for commands.

    Attributes:
        exit_code: of the first failure in a script; `OK` otherwise.
        commands: the slash commands by name, with the plugins that offer them.

    Args:
        session: answers.
        source: where entries come from.
        terminal: where everything is shown.
        plugins: isolate slash commands.
        commands: the slash commands.
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
        answers.commands_follow = True
        tuning = LiveSettings(session, answers)
        talk = TurnRunner(session, terminal, answers, tuning, kept=kept, interactive=interactive)
        self.commands = commands
        #: What slash commands are given.
        self.api = ReplContext(talk, terminal, answers, tuning, source)
        #: The words with a slash, which then may say more; none of them is a plugin's to have.
        self._words: dict[str, Callable[[str], bool | None]] = {
            **{word: getattr(self, f"do_{word}") for word in sorted(WORDS)},
            "help": self._help,
            "status": self._status,
        }
        self._help_texts = Help(self._words, commands)
        source.complete = Tab(self._words, commands, plugins, self.api)
        self._talk = talk
        self._tuning = tuning
        self._session = session
        self._source = source
        self._terminal = terminal
        self._plugins = plugins
        self._answers = answers
        self._interactive = interactive
        self._keep_going = keep_going
        self._verbose = verbose

    # The loop

    def cmdloop(self, intro: str | None = None) -> None:
        """Do one entry after the other, until the end of input, `quit`, or a script's first failure.

        Raises:
            Interrupted: Ctrl-C, in a script.
            Ended: a signal that ends the process.
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
                self._terminal.write_interactive("\n")
        self.postloop()

    def preloop(self) -> None:
        """Greet a person, and tell everybody which conversation goes on."""
        if self._interactive:
            label = one_line(self._session.connection.endpoint.label)
            self._terminal.write_interactive(f"🤖 Connected to workspace: {label} ({one_line(self._session.model)})\n")
            if prompt := self._session.conversation.system_prompt:
                self._terminal.write_interactive(f"🎯 System prompt: {sanitize(prompt)}\n")
        if told := resumed(self._session):
            self._terminal.note(told, dim=True)
        if self._interactive:
            self._terminal.write_interactive("💬 Type your message (or 'quit' to exit):\n\n")

    def _next(self) -> bool:
        """Read an entry and do it; return whether it was the last."""
        stop = False
        # At a prompt it was to stop what has ended by itself.
        with suppress(KeyboardInterrupt) if self._interactive else nullcontext():
            self._terminal.raise_pending()
        try:
            entry = self._source.read()
            if entry.kind is Kind.NOTHING:
                return False
            stop = self._do(entry)
        except (EOFError, OutputClosed):
            raise
        except KaitoError as exc:
            stop = self._fail(exc)
        except Interrupted as exc:
            if not self._interactive or isinstance(exc, Ended):
                raise
        except Exception as exc:
            stop = self._fail(KaitoError(f"This is a bug in kaito: {type(exc).__name__}: {exc}", "Please report it"))
            if self._verbose:
                import traceback

                self._terminal.note(traceback.format_exc())
        if self._interactive and not stop:
            self._terminal.write_interactive("\n")
        return stop

    def _fail(self, error: KaitoError) -> bool:
        """Tell of a failure; return whether it is the end."""
        if not self._interactive and self.exit_code is ExitCode.OK:
            self.exit_code = error.exit_code
        self._terminal.error(error, where=self._source.where)
        # An answer that nobody can get is not worth asking for.
        return not self._interactive and not (self._keep_going and self._terminal.stdout is not None)

    # Dispatch

    def onecmd(self, line: str) -> bool:
        """Do one line of input; return whether it ends the shell.

        Raises:
            KaitoError: it failed.
        """
        return self._do(classify(line))

    def _do(self, entry: Entry) -> bool:
        match entry.kind:
            case Kind.MESSAGE:
                self.say(entry.text)
            case Kind.WORD:
                method = getattr(self, f"do_{entry.text}")
                return bool(method(""))
            case Kind.SLASH:
                return self._slash(entry.text, entry.arguments)
        return False

    def say(self, text: str) -> None:
        """Send a message and show its answer.

        Raises:
            KaitoError: the turn failed.
        """
        self._talk.ask(text)

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
        with self._plugins.guarding(offered.plugin, f"/{name}"):
            offered.value.run(arguments, self.api)
        return False

    # The documented words

    def do_quit(self, argument: str) -> bool:
        """Exit the chat session"""
        if self._interactive:
            self._terminal.write_interactive("👋 Goodbye!\n")
        return True

    do_exit = do_quit

    def do_clear(self, argument: str) -> None:
        """Clear the conversation history; the system prompt stays"""
        self._talk.clear()
        word = "🗑️ Conversation history cleared"
        if self._interactive:
            self._terminal.write_interactive(f"{word}\n")
        else:
            self._terminal.note(word)

    def do_help(self, argument: str) -> None:
        """Show the commands"""
        self.api.write(DOCUMENTED)
        if self._interactive:
            self._terminal.note("(/help tells more)", dim=True)

    def do_status(self, argument: str) -> None:
        """Show the configuration"""
        self.api.write(configuration.configuration(self._session))

    # What the slash says beyond the words

    def _help(self, argument: str) -> None:
        """Show all commands, the plugins' too, or more about one"""
        texts, columns = self._help_texts, window()
        self.api.write(texts.about(argument, columns) if argument else texts.overview(columns))

    def _status(self, argument: str) -> None:
        """Show the configuration, the endpoint and the tokens

        Tokens are those of the last turn, as the server counted them. Settings that are not shown are what they usually
        are; /set shows all.
        """
        text = configuration.configuration(self._session) + configuration.details(self._session, self._tuning.notable)
        # A file's or a program's lines have no width.
        self.api.write(wrapped(text, window()) if self._terminal.out_is_terminal else text)
