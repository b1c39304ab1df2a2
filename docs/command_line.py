"""The command line as data, from its parsers, and as pages for Sphinx. `man_pages` makes man pages of the same data."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from docs.repository import write_generated
from kaito.cli.args.parser import Parser, described
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.console.terminal import Terminal
from kaito.options.table import SETTINGS
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.manager import Plugins, create_plugins
from kaito.settings import Settings
from kaito.types import Command


class CommandPage(NamedTuple):
    """What is documented of a subcommand."""

    #: Such as `chat`.
    name: str
    #: One line.
    summary: str
    #: Such as `kaito chat [flags]`.
    usage: str
    description: str
    #: Command lines, with comments.
    examples: str
    #: Titles, each with its flags as they are written, and their help.
    groups: list[tuple[str, list[tuple[str, str]]]]


def subcommand(name: str) -> tuple[Command, Parser]:
    """Return a subcommand of kaito itself, and its parser."""
    call = Invocation(
        command=f"kaito {name}",
        arguments=["--no-config"],
        terminal=Terminal(None, None, None, {}),
        plugins=_built_in_plugins(),
        environ={"KAITO_PLUGINS": ""},
    )
    offered = find_subcommand(name, call, "")
    return offered.value, make_parser(offered, call)[0]


def command_page(name: str) -> CommandPage:
    """Return what is documented of a subcommand of kaito itself."""
    command, parser = subcommand(name)
    groups = [(title, [_flag(*described(action)) for action in actions]) for title, actions in parser.groups]
    if (argument := parser.argument) is not None:
        groups.insert(0, ("Argument", [(argument.metavar, argument.help)]))
    return CommandPage(
        name=name,
        summary=command.summary,
        usage=parser.usage_line,
        description=command.description or f"{command.summary}.",
        examples=inspect.cleandoc(command.examples),
        groups=groups,
    )


def slash_commands() -> Iterator[tuple[str, str]]:
    """Yield the slash commands as they are typed, each with its help."""
    for name, offered in sorted(_built_in_plugins().slash_commands(Settings()).items()):
        command = offered.value
        usage = f"/{name} {command.arguments}".rstrip()
        yield usage, inspect.getdoc(command.run) or command.describe()


def settings() -> Iterator[tuple[str, str]]:
    """Yield the settings of `/set`, each with its flag and the flag's help."""
    for name, option in sorted(SETTINGS.items()):
        yield name, f"`{option.flag}`: {option.help}"


def pages() -> dict[str, str]:
    """Return the pages by name."""
    return {
        **{f"kaito-{name}": _command_page(command_page(name)) for name in SUBCOMMANDS},
        "slash_commands": "\n\n".join([_title("Slash commands", "="), _list(slash_commands())]) + "\n",
        "settings": "\n\n".join([_title("Settings of /set", "="), _list(settings())]) + "\n",
    }


def write_pages(folder: Path) -> None:
    """Write the pages that have changed, and remove those of earlier commands."""
    write_generated(folder, {f"{name}.rst": text for name, text in pages().items()}, "*.rst")


def _flag(short: str, long: str, help_text: str) -> tuple[str, str]:
    return f"{short} {long}".lstrip(), help_text


def _built_in_plugins() -> Plugins:
    def complain(message: str) -> None:
        raise RuntimeError(message)

    return create_plugins(warn=complain, allowed="")


def _command_page(page: CommandPage) -> str:
    parts = [_title(f"kaito {page.name}", "="), _plain(page.description), _block(page.usage)]
    if page.examples:
        parts += [_title("Examples", "-"), _block(page.examples)]
    for title, flags in page.groups:
        parts += [_title(title, "-"), _list(flags)]
    return "\n\n".join(parts) + "\n"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _block(text: str) -> str:
    return ".. code-block:: text\n\n" + "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def _list(entries: Iterable[tuple[str, str]]) -> str:
    """Return a definition list; the texts are not markup."""
    return "\n\n".join(f"``{term}``\n   {_plain(text, indent='   ')}" for term, text in entries)


def _plain(text: str, indent: str = "") -> str:
    # Between backticks is code, as in docstrings; everything else is literal.
    escaped = "".join(f"\\{character}" if character in "*_|\\" else character for character in text)
    return escaped.replace("\n", f"\n{indent}")
