"""`kaito chat`: a prompt, a script, or one message."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

from kaito.chat.conversation import SavedConversation
from kaito.chat.saved import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.chat.session_settings import SessionSettings
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_flags import add_plugin_flags
from kaito.cli.args.shared_flags import (
    add_cluster_flags,
    add_endpoint_flags,
    add_options,
    add_shared_flags,
    settings_from,
)
from kaito.cli.chat_input import one_message, open_script
from kaito.cli.invocation import Invocation
from kaito.endpoints.backend_choice import choose_backends
from kaito.errors import ExitCode, KaitoError, UsageError
from kaito.options import table
from kaito.shell.input.entries import WORDS
from kaito.shell.input.filenames import path_of

_SUMMARY = (
    "Chat with a model that KAITO serves. At a terminal it shows a prompt; input from a pipe or a file is a script "
    "with one message or command per line."
)

_EXAMPLES = """
    # Chat with the model of a workspace
    kaito chat --workspace-name my-llama

    # Set the system prompt and the sampling parameters
    kaito chat --workspace-name my-llama --system-prompt "You are terse" --temperature 0.2 --max-tokens 512

    # Send one message; piped input is placed before the question
    kubectl logs my-pod | kaito chat --workspace-name my-llama -m "Why does this fail?"

    # Run a script
    kaito chat --workspace-name my-llama --script questions.txt -o json

    # Without a cluster: any OpenAI-compatible server, or a small model inside this process
    kaito chat --endpoint http://localhost:8080
    kaito chat --backend local
"""


def run(call: Invocation) -> int:
    """Run `kaito chat`; return its exit code.

    Raises:
        KaitoError: it failed; nothing has been shown yet.
        Interrupted: Ctrl-C, except at a prompt.
    """
    terminal, plugins = call.terminal, call.plugins
    given = call.parse(make_parser(call), sends=True)
    if given is None:
        return ExitCode.OK
    flags = settings_from(given, call.environ)
    formatters = plugins.formatters()
    settings = SessionSettings(flags, sorted(formatters))
    backends = choose_backends(plugins, flags)
    commands = plugins.slash_commands(flags, WORDS)
    plugins.check_protection()
    folder = state_folder(call.environ, terminal.notice)
    last = last_conversation(folder, (terminal.stdin, terminal.stderr, terminal.stdout))
    earlier = _earlier(given, last)
    message = one_message(given, terminal)
    with open_script(given, terminal) if message is None else nullcontext() as script:
        # Everything that was given is valid: only now are servers contacted, and modules imported for it.
        from kaito.cli import chat_run

        at_prompt = message is None and script is None
        plan = chat_run.ChatPlan(
            terminal=terminal,
            plugins=plugins,
            settings=settings,
            backends=backends,
            formatters=formatters,
            commands=commands,
            keep_going=given.keep_going,
            verbose=given.verbose,
            earlier=earlier,
            last=last if at_prompt or given.resume else None,
            history=history_file(folder),
        )
        if message is not None:
            return chat_run.send_one(plan, message)
        return chat_run.run_prompt(plan) if script is None else chat_run.run_script(plan, script)


def make_parser(call: Invocation) -> Parser:
    """Return the parser, with the flags of all plugins."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    add_cluster_flags(parser, waits=True)
    add_options(parser, "Flags for the conversation", table.CONVERSATION)
    add_options(parser, "Flags for sampling, sent if given", table.SAMPLING)
    add_options(parser, "Flags for input and output", [*table.INPUT, *table.OUTPUT])
    add_endpoint_flags(parser)
    add_shared_flags(parser)
    call.load_plugins(parser)
    add_plugin_flags(parser, call.plugins, "chat")
    return parser


def _earlier(given: argparse.Namespace, last: LastConversation | None) -> SavedConversation | None:
    """Return the conversation to continue; `None` for a new one."""
    if given.load is None:
        return to_continue(last) if given.resume else None
    if given.resume:
        raise UsageError("--load: cannot be used with --continue")
    from kaito.chat.transcripts import read_conversation

    try:
        return SavedConversation(messages=tuple(read_conversation(path_of("--load", given.load))))
    except KaitoError as exc:
        raise UsageError(f"--load: {exc.message}", *exc.hints) from None
