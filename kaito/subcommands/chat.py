"""`kaito chat`: a prompt, a script, or one message."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import nullcontext

from kaito import hookimpl
from kaito.chat.conversation import SavedConversation
from kaito.chat.saved import LastConversation, history_file, last_conversation, state_folder, to_continue
from kaito.chat.session_settings import SessionSettings
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.args.shared_flags import add_options
from kaito.cli.command_context import CommandContext
from kaito.endpoints.backend_choice import choose_backends
from kaito.errors import KaitoError, UsageError
from kaito.options import table
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.shell.input.entries import WORDS
from kaito.shell.input.filenames import path_of
from kaito.subcommands.chat_input import attached_images, one_message, open_script
from kaito.types import Command

_DESCRIPTION = (
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

    # Ask about an image
    kaito chat --workspace-name my-llama --image cat.png -m "What is in it?"

    # Assign an answer to a shell's variable
    answer=$(kaito chat --workspace-name my-llama -o text -m "Name a colour")

    # Ask each line of a file by itself, and write one JSON object for each
    kaito chat --workspace-name my-llama --each --script questions.txt -o json

    # Without a cluster: any OpenAI-compatible server
    kaito chat --endpoint http://localhost:8080
"""


def _run(context: CommandContext) -> int:
    call, given = context.invocation, context.given
    terminal, plugins = call.terminal, call.plugins
    flags = context.settings
    _check_each(given)
    formatters = plugins.formatters()
    settings = SessionSettings(flags, sorted(formatters), plugins.settings)
    backends = choose_backends(plugins, flags)
    commands = plugins.slash_commands(flags, WORDS)
    terminal.commands = {*commands, *WORDS}
    plugins.check_protection()
    folder = state_folder(call.environ, terminal.notice)
    last = last_conversation(folder, (terminal.stdin, terminal.stderr, terminal.stdout))
    earlier = _earlier(given, last)
    images = attached_images(given)
    message = one_message(given, terminal)
    with open_script(given, terminal) if message is None else nullcontext() as script:
        # Everything that was given is valid: only now are servers contacted, and modules imported for it.
        from kaito.subcommands import chat_run

        at_prompt = message is None and script is None
        plan = chat_run.ChatPlan(
            terminal=terminal,
            plugins=plugins,
            settings=settings,
            backends=backends,
            formatters=formatters,
            commands=commands,
            keep_going=given.keep_going or flags.each,
            verbose=given.verbose,
            earlier=earlier,
            last=last if at_prompt or given.resume else None,
            history=history_file(folder),
        )
        if message is not None:
            return chat_run.send_one(plan, message, images)
        return chat_run.run_prompt(plan) if script is None else chat_run.run_script(plan, script)


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


def _check_each(given: argparse.Namespace) -> None:
    """Check that nothing contradicts `--each`.

    Raises:
        UsageError: something does.
    """
    if given.each and given.message is not None:
        raise UsageError("--each: cannot be used with --message", "Write one message per line in a file: --script FILE")
    if given.each and (given.resume or given.load is not None):
        flag = "--continue" if given.resume else "--load"
        raise UsageError(f"--each: cannot be used with {flag}: each line begins a conversation")


def _add_options(options: PluginOptions) -> None:
    parser = options.parser
    add_options(parser, "Flags for the conversation", table.CONVERSATION)
    add_options(parser, "Flags for sampling, sent if given", table.SAMPLING)
    add_options(parser, "Flags for more than text", table.REQUEST)
    add_options(parser, "Flags for input and output", [*table.INPUT, *table.OUTPUT])


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `chat`."""
    return [
        Command(
            name="chat",
            summary=SUBCOMMANDS["chat"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            connects=True,
            run=_run,
        )
    ]
