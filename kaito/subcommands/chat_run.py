"""Runs a chat: connects, builds the shell from its parts, and starts it.

Imported once all options are valid, because it needs aiohttp.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from kaito.chat.connection import Connection, open_connection
from kaito.chat.session import Session
from kaito.chat.session_settings import SessionSettings
from kaito.console.terminal import Terminal
from kaito.errors import ExitCode, UsageError
from kaito.eventloop.base import Loop
from kaito.eventloop.main_thread import MainThreadLoop
from kaito.eventloop.thread import ThreadedLoop
from kaito.history.recorder import Recorder
from kaito.history.state_folder import Bounds
from kaito.hookspecs import Backend, Formatter
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.context import ShellContext
from kaito.shell.input.sources import Script, Source
from kaito.shell.past_conversations import show_reports
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.render.banner import resumed
from kaito.shell.repl import Shell
from kaito.subcommands.chat_continuation import Continuation
from kaito.subcommands.chat_input import ScriptFile
from kaito.types import Image, SlashCommand, conversations


class ChatPlan(Struct, frozen=True, kw_only=True):
    """Everything that a chat needs, after all input of the user was checked."""

    terminal: Terminal
    plugins: Plugins
    settings: SessionSettings
    backends: Mapping[str, Offered[Backend]]
    formatters: Mapping[str, Offered[type[Formatter]]]
    commands: Mapping[str, Offered[SlashCommand]]
    #: Continue a script after a failure.
    keep_going: bool
    #: Show tracebacks of bugs.
    verbose: bool
    continuation: Continuation
    #: How much of the past is kept.
    bounds: Bounds
    #: The folder in which conversations are kept; `None` keeps none.
    state: Path | None
    #: The file of the input history; `None` keeps none.
    history: Path | None


def send_one(plan: ChatPlan, message: str, images: Sequence[Image] = ()) -> int:
    """Send one message and show its answer; return the exit code.

    Raises:
        KaitoError: it failed.
        Interrupted: Ctrl-C.
    """
    with (
        _recorder(plan, "message") as recorder,
        _session(plan, ThreadedLoop) as (session, _),
        _answers(plan, interactive=False) as answers,
    ):
        for remark in resumed(session):
            plan.terminal.note(remark, dim=True)
        context = ShellContext(session, plan.terminal, answers, recorder=recorder)
        for image in images:
            context.attach(image)
        context.ask(message)
    return answers.exit_code(ExitCode.OK)


def run_prompt(plan: ChatPlan) -> int:
    """Chat at a prompt until the user exits; return the exit code.

    Raises:
        KaitoError: the connection failed, before any prompt.
        Ended: SIGTERM or SIGHUP.
    """
    from kaito.shell.input.input_history import History
    from kaito.shell.input.line_editor import line_editor
    from kaito.shell.input.prompt import Prompt
    from kaito.shell.input.recall import Recall
    from kaito.shell.input.tab_completion import TabCompletion

    terminal = plan.terminal
    with (
        _recorder(plan, "terminal") as recorder,
        _session(plan, ThreadedLoop) as (session, _),
        _answers(plan, interactive=True) as answers,
    ):
        editor = line_editor(terminal)
        history = History(plan.history) if plan.history is not None else None
        recall = Recall(editor, history, terminal.warning)
        context = ShellContext(
            session,
            terminal,
            answers,
            recorder=recorder,
            remember=recall.add_message,
            interactive=True,
            mute=lambda: terminal.muted(mark_pastes=editor is not None and editor.takes_pastes),
        )
        complete = TabCompletion(plan.commands, plan.plugins, context)
        prompt = Prompt(terminal, editor, recall, complete)
        code = _run(plan, session, context, answers, prompt, interactive=True)
    return answers.exit_code(code)


def run_script(plan: ChatPlan, script: ScriptFile) -> int:
    """Run a script; return the exit code of its first failure.

    Raises:
        KaitoError: the connection failed.
        Interrupted: Ctrl-C.
    """
    # Windows cannot wait for a pipe and for connections at once.
    loop_type = ThreadedLoop if sys.platform == "win32" else MainThreadLoop
    with (
        _recorder(plan, "each" if plan.settings.current.each else "script") as recorder,
        _session(plan, loop_type) as (session, loop),
        _answers(plan, interactive=False) as answers,
    ):
        wait = _shown_wait(loop, plan.terminal, script.name) if isinstance(loop, MainThreadLoop) else None
        source = Script(script.file, script.name, wait=wait, trusted=script.trusted)
        context = ShellContext(session, plan.terminal, answers, recorder=recorder, trusted=script.trusted)
        code = _run(plan, session, context, answers, source, interactive=False)
    return answers.exit_code(code)


def _shown_wait(loop: MainThreadLoop, terminal: Terminal, name: str) -> Callable[[int], None]:
    """Return a function that waits for a script's next line, and shows this in the status line."""

    def wait(fd: int) -> None:
        terminal.status(f"waiting for {name}")
        try:
            loop.wait_for_input(fd)
        finally:
            terminal.clear_status()

    return wait


@contextmanager
def _session(plan: ChatPlan, loop_type: type[Loop]) -> Iterator[tuple[Session, Loop]]:
    terminal = plan.terminal
    with (
        loop_type(
            terminal.tick if terminal.shows_status else None,
            terminal.keyboard,
            terminal.notice if plan.verbose else None,
        ) as loop,
        _connected(plan, loop) as connection,
    ):
        terminal.clear_status()
        earlier = plan.continuation.choose(connection.origin(plan.settings.current.target, ""))
        yield Session(loop, connection, plan.plugins, plan.settings, terminal, earlier), loop


@contextmanager
def _connected(plan: ChatPlan, loop: Loop) -> Iterator[Connection]:
    opened = open_connection(plan.backends, plan.plugins, plan.settings.current, plan.terminal)
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(loop.hold(opened))
        except UsageError as exc:
            raise plan.continuation.explained(exc) from None
        yield connection


@contextmanager
def _recorder(plan: ChatPlan, source: conversations.Source) -> Iterator[Recorder | None]:
    """Yield the recorder of the conversation; at the end, it writes everything in any case."""
    if plan.state is None:
        yield None
        return
    recorder = Recorder(plan.state, plan.bounds, source)
    try:
        yield recorder
    finally:
        recorder.close()
        show_reports(recorder, plan.terminal)


def _answers(plan: ChatPlan, *, interactive: bool) -> AnswerWriter:
    return AnswerWriter(plan.terminal, plan.plugins, plan.formatters, plan.settings, interactive=interactive)


def _run(
    plan: ChatPlan, session: Session, context: ShellContext, answers: AnswerWriter, source: Source, *, interactive: bool
) -> ExitCode:
    shell = Shell(
        session,
        context,
        answers,
        source,
        plan.terminal,
        plan.plugins,
        plan.commands,
        interactive=interactive,
        keep_going=plan.keep_going,
        verbose=plan.verbose,
    )
    shell.cmdloop()
    return shell.exit_code
