"""Completion of a line."""

from typing import Any, cast

import pytest

from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.input.tab_completion import TabCompletion
from kaito.types import SlashCommand


def failing(typed, shell):
    raise ZeroDivisionError


@pytest.fixture
def tab():
    def run(arguments, shell):
        raise AssertionError("completion must not run commands")

    slash_commands = [
        SlashCommand(name="set", run=run, arguments="NAME", complete=lambda typed, shell: ["a-b", "a-c", "b\x1b[2J"]),
        SlashCommand(name="seal", run=run),
        SlashCommand(name="broken", run=run, complete=failing),
    ]
    plugin = Plugin(name="x", distribution="x", version="1")
    commands = {command.name: Offered(plugin, command) for command in slash_commands}
    return TabCompletion(commands, Plugins(lambda warning: None), cast(Any, None))


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("", []),
        ("se", []),
        ("//se", []),
        ("/", ["/broken", "/clear", "/exit", "/help", "/quit", "/seal", "/set ", "/status"]),
        ("/SE", ["/seal", "/set "]),
        ("  /se", ["  /seal", "  /set "]),
        ("/set ", ["/set a-b", "/set a-c"]),
        ("/set  a-", ["/set  a-b", "/set  a-c"]),
        ("/SET a-b", ["/SET a-b"]),
        ("/set b", []),
        ("/seal x", []),
        ("/broken x", []),
        ("/nope x", []),
        ("/help s", ["/help seal", "/help set", "/help status"]),
        ("/etc/hosts", []),
    ],
)
def test_completion(tab, line, completions):
    assert tab(line) == completions
