"""`kaito chat`: a person at a prompt, a script, or one message."""

from __future__ import annotations

import argparse
import gc
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

from kaito import settings as defaults
from kaito.chat.conversation import SavedConversation
from kaito.chat.saved import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.cli.args import flag_values
from kaito.cli.args.parser import Once, Parser
from kaito.cli.args.shared_flags import (
    add_cluster_flags,
    add_endpoint_flags,
    add_plugin_flags,
    add_shared_flags,
    settings_from,
)
from kaito.cli.invocation import Invocation
from kaito.console.terminal import Terminal
from kaito.endpoints.requested import choose_backends
from kaito.errors import ExitCode, KaitoError, UsageError
from kaito.shell.input.entries import WORDS
from kaito.shell.input.filenames import path_of
from kaito.shell.input.sources import Script
from kaito.util import parsers

if TYPE_CHECKING:
    from kaito.eventloop.base import Loop

_SUMMARY = (
    "Start a chat with a model that KAITO serves. At a terminal it is a prompt; input from a pipe or a file is a "
    "script, one message or command a line."
)

_EXAMPLES = """
    # Chat with the model of a workspace
    kaito chat --workspace-name my-llama

    # Set how it answers
    kaito chat --workspace-name my-llama --system-prompt "You are terse" --temperature 0.2 --max-tokens 512

    # Ask once; what is piped in goes before the question
    kubectl logs my-pod | kaito chat --workspace-name my-llama -m "Why does this fail?"

    # Run a script
    kaito chat --workspace-name my-llama --script questions.txt -o json

    # Without a cluster: any server that speaks OpenAI's protocol, or a small model inside this process
    kaito chat --endpoint http://localhost:8080
    kaito chat --backend local
"""


def run(call: Invocation) -> int:
    """Run `kaito chat`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been said of it yet.
        Interrupted: Ctrl-C, elsewhere than at a prompt.
    """
    terminal, plugins = call.terminal, call.plugins
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        terminal.write(parser.format_help())
        return ExitCode.OK
    terminal.color = given.color
    settings = settings_from(given, call.environ)
    formatters = plugins.formatters()
    if settings.output not in formatters:
        raise UsageError(f"--output: '{settings.output}' is not one of {', '.join(sorted(formatters))}")
    backends = choose_backends(plugins, settings)
    commands = plugins.slash_commands(settings, WORDS)
    folder = state_folder(call.environ, terminal.notice)
    kept = last_conversation(terminal, folder)
    past = _past(given, kept)
    message = _message(given, terminal)
    with _script(given, terminal) if message is None else nullcontext() as source:
        # All is known to be sound: only now is anything contacted, or imported for it.
        from kaito.chat.session import Session, connect
        from kaito.shell.live_settings import LiveSettings
        from kaito.shell.render.answer_writer import AnswerWriter
        from kaito.shell.render.banner import resumed
        from kaito.shell.turn_runner import TurnRunner

        gc.freeze()
        gc.enable()
        answers = AnswerWriter(terminal, plugins, formatters, settings)
        tick = terminal.tick if terminal.shows_status else None
        with (
            _loop_for(source, tick, terminal) as loop,
            loop.hold(connect(backends, plugins, settings, terminal)) as connection,
        ):
            terminal.clear_status()
            session = Session(loop, connection, plugins, settings, terminal)
            session.resume(past)
            if message is not None:
                if told := resumed(session):
                    terminal.note(told, dim=True)
                tuning = LiveSettings(session, answers)
                going_on = kept if given.resume else None
                TurnRunner(session, terminal, answers, tuning, kept=going_on, interactive=False).ask(message)
                return ExitCode.OK
            from kaito.shell.input.input_history import History
            from kaito.shell.input.prompt import Prompt
            from kaito.shell.repl import Shell

            typed = history_file(folder)
            shell = Shell(
                session,
                source or Prompt(terminal, History(typed) if typed else None),
                terminal,
                plugins,
                commands,
                answers,
                interactive=source is None,
                kept=kept if source is None or given.resume else None,
                keep_going=given.keep_going,
                verbose=settings.verbose,
            )
            shell.cmdloop()
            return shell.exit_code


def _loop_for(source: Script | None, tick: Callable[[], None] | None, keyboard: Terminal) -> Loop:
    """Return the loop for a script, or for all else."""
    # Windows cannot wait for a pipe and for connections at once.
    if source is None or sys.platform == "win32":
        from kaito.eventloop.thread import ThreadedLoop

        return ThreadedLoop(tick, keyboard)
    from kaito.eventloop.main_thread import MainThreadLoop

    loop = MainThreadLoop(tick, keyboard)
    source.wait = loop.wait_for_input
    return loop


def make_parser(call: Invocation) -> Parser:
    """Return the parser, with the flags of the plugins that take part, those that the command line names among them."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    add_cluster_flags(parser, waits=True)
    group = parser.add_argument_group("Flags for the conversation")
    group.add_argument(
        "--system-prompt",
        metavar="TEXT",
        type=flag_values.text("--system-prompt"),
        help="System prompt for the conversation",
    )
    group.add_argument(
        "--temperature",
        default=defaults.TEMPERATURE,
        metavar="NUMBER",
        type=parsers.temperature("--temperature"),
        help="Temperature for response generation, 0.0 to 2.0",
    )
    group.add_argument(
        "--max-tokens",
        default=defaults.MAX_TOKENS,
        metavar="COUNT",
        type=parsers.count("--max-tokens"),
        help="Maximum tokens in response",
    )
    group.add_argument(
        "--top-p",
        default=defaults.TOP_P,
        metavar="NUMBER",
        type=parsers.share("--top-p"),
        help="Top-p (nucleus sampling) parameter, 0.0 to 1.0",
    )
    group.add_argument(
        "--model",
        metavar="NAME",
        type=flag_values.text("--model"),
        help="Model or adapter to ask for; by default the first that the server lists",
    )
    group.add_argument(
        "--continue", action="store_true", dest="resume", help="Go on with the last conversation of this terminal"
    )
    group.add_argument("--load", metavar="FILE", help="Go on with a conversation that /save wrote")
    group.add_argument("--trim", action="store_true", help="Drop the oldest turns when the model's window is full")
    group = parser.add_argument_group("Flags for input and output")
    group.add_argument(
        "-m",
        "--message",
        action=Once,
        metavar="TEXT",
        type=flag_values.text("--message"),
        help="Send one message and exit; what is piped in goes before it. With '-', all of stdin is the message",
    )
    group.add_argument("--no-stdin", action="store_true", help="With --message, leave stdin alone")
    group.add_argument(
        "--script", metavar="FILE", help="Take messages and commands from a file, one a line; '-' is stdin"
    )
    group.add_argument("--keep-going", action="store_true", help="Go on with a script after a failure")
    group.add_argument(
        "-o",
        "--output",
        default="plain",
        metavar="FORMAT",
        help="How answers are shown: plain, json, or as a plugin does: markdown, with kaito-rich",
    )
    group.add_argument("--stats", action="store_true", help="After each answer, show its figures on stderr")
    group.add_argument("--no-reasoning", action="store_true", help="Hide what the model thinks before it answers")
    group.add_argument("--no-stream", action="store_true", help="Ask for each answer as a whole")
    add_endpoint_flags(parser)
    add_shared_flags(parser)
    call.load_plugins(parser)
    add_plugin_flags(parser, call.plugins, "chat")
    return parser


def _past(given: argparse.Namespace, kept: LastConversation | None) -> SavedConversation:
    """Return the conversation that goes on."""
    if given.load is None:
        return to_continue(kept) if given.resume else SavedConversation()
    if given.resume:
        raise UsageError("--load: does not go with --continue")
    from kaito.chat.transcripts import read_conversation

    try:
        return SavedConversation(messages=tuple(read_conversation(path_of("--load", given.load))))
    except KaitoError as exc:
        raise UsageError(f"--load: {exc.message}", *exc.hints) from None


def _message(given: argparse.Namespace, terminal: Terminal) -> str | None:
    """Return the one message, with what was piped in before it; `None` when there is none to send."""
    if given.message is None:
        if given.no_stdin:
            raise UsageError("--no-stdin: goes with --message")
        return None
    if given.script is not None:
        raise UsageError("--message: does not go with --script")
    text: str = given.message
    if text == "-":
        if given.no_stdin:
            raise UsageError("--message: '-' does not go with --no-stdin")
        text = _all_of(terminal.stdin)
    elif not given.no_stdin and _is_material(terminal.stdin):
        material = _all_of(terminal.stdin).removesuffix("\n")
        text = f"{material}\n\n{text}" if material else text
    if not text.strip():
        raise UsageError("--message: is empty")
    return text


def _is_material(stdin: TextIO | None) -> bool:
    """Return whether stdin was put there on purpose: a pipe or a file, not a terminal, a socket or /dev/null."""
    try:
        mode = os.fstat(stdin.fileno()).st_mode if stdin else 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _all_of(stdin: TextIO | None) -> str:
    try:
        # Some programs mark what they write as UTF-8.
        return stdin.buffer.read().decode().removeprefix("\ufeff") if stdin else ""
    except UnicodeDecodeError as exc:
        raise KaitoError(f"stdin is not UTF-8: byte {exc.start + 1} is 0x{exc.object[exc.start]:02x}") from None
    except OSError as exc:
        raise KaitoError(f"Cannot read stdin: {exc.strerror}") from exc


@contextmanager
def _script(given: argparse.Namespace, terminal: Terminal) -> Iterator[Script | None]:
    """Yield the script to run; `None` when a person sits at a terminal."""
    if given.script not in (None, "-"):
        try:
            file = path_of("--script", given.script).open("rb", buffering=0)
        except OSError as exc:
            raise UsageError(f"--script: cannot read '{given.script}': {exc.strerror}") from None
        with file:
            yield Script(file, given.script)
    elif terminal.in_is_terminal and given.script is None:
        if given.keep_going:
            raise UsageError("--keep-going: goes with a script")
        yield None
    else:
        stdin = getattr(terminal.stdin, "buffer", io.BytesIO())
        yield Script(getattr(stdin, "raw", stdin), "stdin", trusted=False)
