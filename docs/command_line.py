"""Writes the reference of the command line: what `--help` and `/help` show, as pages for Sphinx."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

from kaito.cli.args.parser import Parser
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.console.terminal import Terminal
from kaito.options.table import SETTINGS
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.manager import Plugins, create_plugins
from kaito.settings import Settings
from kaito.types import Command


def subcommand(name: str) -> tuple[Command, Parser]:
    """Return a subcommand of kaito itself, and its parser."""
    call = Invocation(
        command=f"kaito {name}",
        arguments=[],
        terminal=Terminal(None, None, None, {}),
        plugins=_built_in_plugins(),
        environ={"KAITO_PLUGINS": ""},
    )
    offered = find_subcommand(name, call, "")
    return offered.value, make_parser(offered, call)[0]


def flags(parser: Parser) -> Iterator[tuple[str, str]]:
    """Yield the flags of a parser as they are written, each with its help."""
    if (argument := parser.argument) is not None:
        yield argument.metavar, argument.help or ""
    for action in parser.flags:
        names = ", ".join(action.option_strings)
        yield f"{names} {action.metavar}" if action.metavar else names, action.help or ""


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
    commands = [_title("Subcommands", "=")]
    for name in SUBCOMMANDS:
        command, parser = subcommand(name)
        commands += [_title(f"kaito {name}", "-"), command.description or f"{command.summary}."]
        if command.examples:
            commands.append(_block(command.examples))
        commands.append(_list(flags(parser)))
    return {
        "commands": "\n\n".join(commands) + "\n",
        "slash_commands": "\n\n".join([_title("Slash commands", "="), _list(slash_commands())]) + "\n",
        "settings": "\n\n".join([_title("Settings of /set", "="), _list(settings())]) + "\n",
    }


def write_pages(folder: Path) -> None:
    """Write the pages, each only when it has changed: Sphinx then reads it again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _built_in_plugins() -> Plugins:
    def complain(message: str) -> None:
        raise RuntimeError(message)

    return create_plugins(warn=complain, allowed="")


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _block(text: str) -> str:
    lines = inspect.cleandoc(text).splitlines()
    return ".. code-block:: text\n\n" + "\n".join(f"   {line}".rstrip() for line in lines)


def _list(entries: Iterable[tuple[str, str]]) -> str:
    """Return a definition list; the texts are not markup."""
    return "\n\n".join(f"``{term}``\n   {_plain(text)}" for term, text in entries)


def _plain(text: str) -> str:
    # Between backticks is code, as in docstrings; everything else is literal.
    escaped = "".join(f"\\{character}" if character in "*_|\\" else character for character in text)
    return escaped.replace("\n", "\n   ")
