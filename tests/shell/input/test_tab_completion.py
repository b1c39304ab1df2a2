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
def traced():
    """The messages of plugins that `--verbose` shows."""
    return []


@pytest.fixture
def tab(traced):
    def run(arguments, shell):
        raise AssertionError("completion must not run commands")

    slash_commands = [
        SlashCommand(name="set", run=run, arguments="NAME", complete=lambda typed, shell: ["a-b", "a-c", "b\x1b[2J"]),
        SlashCommand(name="seal", run=run),
        SlashCommand(name="broken", run=run, complete=failing),
        SlashCommand(name="wrong", run=run, complete=lambda typed, shell: cast("list[str]", ["x", 5])),
    ]
    plugin = Plugin(name="x", distribution="x", version="1")
    commands = {command.name: Offered(plugin, command) for command in slash_commands}
    return TabCompletion(commands, Plugins(lambda warning: None, traced.append), cast(Any, None))


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("", []),
        ("se", []),
        ("//se", []),
        ("/", ["/broken", "/clear", "/exit", "/help", "/quit", "/seal", "/set ", "/status", "/wrong"]),
        ("/SE", ["/seal", "/set "]),
        ("  /se", ["  /seal", "  /set "]),
        ("/set ", ["/set a-b", "/set a-c"]),
        ("/set  a-", ["/set  a-b", "/set  a-c"]),
        ("/SET a-b", ["/SET a-b"]),
        ("/set b", []),
        ("/seal x", []),
        ("/broken x", []),
        ("/wrong x", []),
        ("/nope x", []),
        ("/help s", ["/help seal", "/help set", "/help status"]),
        ("/etc/hosts", []),
    ],
)
def test_completion(tab, line, completions):
    assert tab(line) == completions


def test_verbose_shows_why_a_plugin_completes_nothing(tab, traced):
    tab("/broken x")
    tab("/wrong x")
    assert traced == [
        "Plugin 'x' (x 1) failed in completing /broken: ZeroDivisionError",
        "Plugin 'x' (x 1) failed in completing /wrong: TypeError: it must return texts, not int",
    ]
