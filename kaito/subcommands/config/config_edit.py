"""`kaito config edit`: creates the file if needed, opens it in the user's editor, and checks it afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kaito.cli.args.config_keys import check_keys
from kaito.cli.args.configured import Flags, forms_of, parsed, with_shared
from kaito.cli.args.parser import Parser
from kaito.cli.command_context import CommandContext
from kaito.cli.known_flags import KnownFlags, parser_of, parser_of_plugin
from kaito.config.file_sections import Section
from kaito.config.section_values import section_level
from kaito.config.user_config import UserConfig, config_path
from kaito.errors import KaitoError
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.entry_points import subcommand_names
from kaito.shell.input.external_editor import require_terminal, run_editor
from kaito.util.safe_files import make_folders, owner_only
from kaito.util.user_folders import shown_path

#: What a new file contains.
TEMPLATE = """\
# The configuration of kaito. 'kaito config' shows each value and where it comes from.
#
# The keys are the long flags without dashes. A flag on the command line and an environment variable such as
# KAITO_TEMPERATURE replace them. Secrets do not belong here: name a file with api-key-file or header = "@FILE".

[defaults]
# workspace-name = "my-llama"
# namespace = "default"
# temperature = 0.7
# stream = false                        # as --no-stream
# system-prompt = "@prompts/terse.md"   # relative to the folder of this file

# Only for one command:
# [defaults.forward]
# port = 9000

# Chosen by --profile work, or KAITO_PROFILE=work:
# [profiles.work]
# context = "production"
# workspace-name = "my-phi"
# [profiles.work.variables]             # {{lang}} in the file of system-prompt
# lang = "French"
"""


def path_of_file() -> Path:
    """Return the path of the file, which need not exist.

    Raises:
        KaitoError: it is not known.
    """
    if (path := config_path()) is None:
        raise KaitoError("The configuration folder is not known: the user has no home", "Set XDG_CONFIG_HOME")
    return path


def edit(context: CommandContext) -> None:
    """Open the file in the editor, and check it afterwards.

    Raises:
        KaitoError: it cannot be created or edited.
        UsageError: there is no terminal, or the saved file is not valid. It is not changed.
    """
    path = path_of_file()
    require_terminal(context.invocation.terminal)
    try:
        make_folders(path.parent)
        with owner_only():
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(file, "w", encoding="utf-8") as created:
            created.write(TEMPLATE)
    except FileExistsError:
        pass
    except OSError as exc:
        raise KaitoError(f"Cannot create {shown_path(path)}: {exc.strerror}") from None
    run_editor(path, context.invocation.terminal, context.invocation.environ)
    check(context)
    context.notice(f"{shown_path(path)} is valid")


def check(context: CommandContext) -> None:
    """Check the whole file: each section, for each command.

    Raises:
        UsageError: the first fault.
    """
    commands = {*SUBCOMMANDS, *subcommand_names(None), *context.invocation.plugins.subcommands()}
    config = UserConfig({}, is_command=lambda name: name in commands)
    if config.fault is not None:
        raise config.fault
    chat: Parser = context.given.configured.parser
    for section in config.sections:
        for command, parser in _commands_of(section, context, chat):
            _check(config, section, command, forms_of(parser), KnownFlags(context.invocation, command))


def _commands_of(section: Section, context: CommandContext, chat: Parser) -> Iterator[tuple[str, Parser]]:
    yield "chat", chat
    for name in section.commands:
        if name in SUBCOMMANDS and name != "chat":
            yield name, parser_of(name, context.invocation)
        elif name not in SUBCOMMANDS:
            profile = section.path[1] if len(section.path) > 1 else None
            try:
                yield name, parser_of_plugin(name, context.invocation, profile)
            except KaitoError as exc:  # not a fault of the file
                context.notice(f"[{'.'.join(section.path)}.{name}] was not checked: {exc.message}")


def _check(config: UserConfig, section: Section, command: str, flags: Flags, known: KnownFlags) -> None:
    forms = with_shared({key: form for key, (_, form) in flags.items()}, config, lambda: known)
    check_keys([section], command, forms, known)
    for values, keys in ((section.commands.get(command, {}), (command,)), (section.values, ())):
        level = section_level(section, values, forms, keys, "defaults", "")
        for key, setting in level.items():
            parsed(*flags[key], setting)
