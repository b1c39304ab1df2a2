"""`kaito chat`: a prompt, a script, or one message."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from contextlib import nullcontext

from kaito import hookimpl
from kaito.chat.session_settings import SessionSettings
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.args.shared_flags import add_options
from kaito.cli.command_context import CommandContext
from kaito.endpoints.backend_choice import choose_backends
from kaito.errors import UsageError
from kaito.history.library import Library
from kaito.history.state_folder import history_bounds, input_history_file, state_folder
from kaito.options import table
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.shell.input.entries import WORDS
from kaito.subcommands.chat_continuation import continuation, continuing_flag
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

    # Continue the newest conversation with this workspace
    kaito chat --workspace-name my-llama --continue

    # Without a cluster: any OpenAI-compatible server
    kaito chat --endpoint http://localhost:8080

    # Without a server: a small model in this process, which knows little
    kaito chat --backend local
"""


def _run(context: CommandContext) -> int:
    call, given = context.invocation, context.given
    terminal, plugins = call.terminal, call.plugins
    _check_each(given)
    folder = state_folder(call.environ, terminal.notice)
    bounds = history_bounds(call.environ)
    continued = continuation(given, context.settings, Library(folder) if folder else None, terminal)
    flags = continued.settings(context.settings)
    formatters = plugins.formatters()
    settings = SessionSettings(flags, sorted(formatters), plugins.settings)
    backends = choose_backends(plugins, flags)
    commands = plugins.slash_commands(flags, WORDS)
    terminal.commands = {*commands, *WORDS}
    plugins.check_protection()
    images = attached_images(given)
    message = one_message(given, terminal)
    with open_script(given, terminal) if message is None else nullcontext() as script:
        # Everything that was given is valid: only now are servers contacted, and modules imported for it.
        from kaito.subcommands import chat_run

        plan = chat_run.ChatPlan(
            terminal=terminal,
            plugins=plugins,
            settings=settings,
            backends=backends,
            formatters=formatters,
            commands=commands,
            keep_going=given.keep_going or flags.each,
            verbose=given.verbose,
            continuation=continued,
            bounds=bounds,
            state=folder,
            history=input_history_file(folder),
        )
        if message is not None:
            return chat_run.send_one(plan, message, images)
        return chat_run.run_prompt(plan) if script is None else chat_run.run_script(plan, script)


def _check_each(given: argparse.Namespace) -> None:
    """Check that nothing contradicts `--each`.

    Raises:
        UsageError: something does.
    """
    if given.each and given.message is not None:
        raise UsageError("--each: cannot be used with --message", "Write one message per line in a file: --script FILE")
    if given.each and (flag := continuing_flag(given)):
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
