"""Every flag of every subcommand takes any text as its value."""

from __future__ import annotations

import argparse

import pytest

from kaito.cli.args.parser import Parser
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.console.terminal import Terminal
from kaito.errors import UsageError
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.manager import Plugins

VALUES = ["--", "-", "---", "-x", "--help", "-n", "-1", "=", "--=", "-- --", "", " ", "\0--", "@--"]


def parser(command: str) -> Parser:
    """Return the parser of a subcommand."""
    call = Invocation(
        command=f"kaito {command}",
        arguments=(),
        terminal=Terminal(None, None, None, {}),
        plugins=Plugins(warn=pytest.fail),
        environ={},
    )
    made, _ = make_parser(find_subcommand(command, call, ""), call)
    return made


def flags():
    """Yield the name of each flag that takes a value, with its subcommand."""
    for command in SUBCOMMANDS:
        for action in parser(command)._actions:
            if action.option_strings and action.nargs in (None, "?"):
                for name in action.option_strings:
                    yield pytest.param(command, name, id=f"{command} {name}")


def expected(action: argparse.Action, value: str):
    """Return what a flag makes of a value: what its parser returns, or the words of its error."""
    try:
        parsed = action.type(value) if callable(action.type) else value
    except UsageError as exc:
        return exc.message
    return [parsed] if isinstance(action, argparse._AppendAction) else parsed


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(("command", "name"), list(flags()))
def test_any_text_is_a_value(command, name, value):
    made = parser(command)
    action = made.flag(name)
    assert action is not None
    # As with pflag, the value of `-n=` is `=`.
    forms = [[f"{name}={value}"]] if value or name.startswith("--") else []
    if action.nargs is None:
        forms.append([name, value])
    if not name.startswith("--") and value and not value.startswith("="):
        forms.append([f"{name}{value}"])
    wanted = expected(action, value)
    words = list(made.argument.choices[:1]) if made.argument is not None else []
    for form in forms:
        try:
            got = getattr(parser(command).parse([*words, *form]), action.dest)
        except UsageError as exc:
            got = exc.message
        assert got == wanted, form


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_a_switch_takes_no_value(command):
    made = parser(command)
    for action in made._actions:
        for name in action.option_strings:
            if action.nargs == 0 and name.startswith("--"):
                with pytest.raises(UsageError, match=f"{name}: takes no value"):
                    parser(command).parse([f"{name}=--"])
