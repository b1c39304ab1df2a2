"""`kaito config`: shows each effective value and where it comes from, and opens the file in an editor."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.cli.args.parser import Parser
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.args.shared_flags import add_cluster_flags, add_endpoint_flags, add_options, add_output_flag
from kaito.cli.command_context import CommandContext
from kaito.options import table
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.types import Command

_DESCRIPTION = (
    "Show the values that 'kaito chat' would use, and where each comes from: a flag, an environment variable, a "
    "profile, the defaults of the file, or kaito itself. Flags of other commands follow when they are set. For each "
    "flag that can be set, --no-NAME restores kaito's own value for one run."
)

_EXAMPLES = """
    # Show each value and where it comes from
    kaito config

    # The same with a profile, and what a flag would change
    kaito config --profile work --temperature 0

    # Open the file in your editor, and check it afterwards
    kaito config edit

    # Write JSON
    kaito config -o json
"""


def _run(context: CommandContext) -> int | None:
    from kaito.subcommands.config import config_edit, config_values

    action = context.option("action")
    if action == "path":
        context.write(f"{config_edit.path_of_file()}\n")
        return None
    if action == "edit":
        config_edit.edit(context)
        return None
    return config_values.show(context)


def _add_options(options: PluginOptions) -> None:
    parser = options.parser
    options.acts_as = "chat"
    options.add_argument(
        "ACTION", help="show (the default), edit, or path", required=False, choices=("show", "edit", "path")
    )
    add_output_flag(parser, ["plain", "json", "yaml"], dest="shown_as")
    add_cluster_flags(parser, waits=True)
    add_endpoint_flags(parser)
    configured = [option for option in (*table.CONVERSATION, *table.OUTPUT) if option.configured != "never"]
    add_options(parser, "Flags for the conversation", [one for one in configured if one is not table.FORMAT])
    add_options(parser, "Flags for sampling, sent if given", table.SAMPLING)
    add_options(parser, "Flags for more than text", [one for one in table.REQUEST if one.configured != "never"])
    # The flag of this name is for the output of this command.
    output = Parser("", "", "")
    add_options(output, "", [table.FORMAT])
    parser.stand_in(output, table.FORMAT)


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `config`."""
    return [
        Command(
            name="config",
            summary=SUBCOMMANDS["config"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            run=_run,
        )
    ]
