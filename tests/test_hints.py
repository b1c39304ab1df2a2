"""Errors name slash commands only to a user who is at a prompt: in scripts and with `--message` they name flags."""

import ast
import re
from pathlib import Path

import pytest

from kaito.errors import KaitoError, ShellHint, WindowError
from kaito.plugin.built_in import SUBCOMMANDS as BUILT_IN
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from kaito.shell.input.entries import WORDS

ROOT = Path(__file__).parents[1]
SOURCES = [*ROOT.glob("kaito/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
COMMANDS = {*create_plugins(warn=pytest.fail, allowed="").slash_commands(Settings()), *WORDS}
NAMED = re.compile(rf"(?<![\w/.<-])/({'|'.join(sorted(COMMANDS))})(?![\w/.-])|'(?:{'|'.join(sorted(WORDS))})'")

#: Where a text is shown at a prompt only, or names the command that it is about.
AT_A_PROMPT = {
    "kaito/shell/repl.py": "the remark below 'help'",
    "kaito/shell/render/help_text.py": "the help itself; an unknown command names the one that was meant",
    "kaito/shell/render/banner.py": "the banner",
    "kaito/shell/input/prompt.py": "the remark on Ctrl-C",
    "kaito/shell/render/endings.py": "suggests_commands",
    "kaito/options/table.py": "the help of flags",
    "kaito/subcommands/chat_input.py": "--image without a message is for a chat",
}


def texts(node):
    """Yield the strings in the code that are not a :class:`ShellHint`'s text at a prompt, and not docstrings."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value, node.lineno
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ShellHint":
        for argument in node.args[1:]:
            yield from texts(argument)
        return
    for child in ast.iter_child_nodes(node):
        yield from texts(child)


def offending():
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if name in AT_A_PROMPT:
            continue
        for text, line in texts(ast.parse(path.read_text("utf-8"))):
            # An error about a command begins with its name, as in "/unset: needs the name of a setting".
            if (match := NAMED.search(text)) and not re.match(rf"{match[0]}(:|( [a-z]+)?$)", text):
                yield f"{name}:{line}: {text}"


def test_only_shell_hints_name_commands():
    assert list(offending()) == []


#: Where a text is the contract's, or not one to type.
OTHERWISE_NAMED = {
    "kaito/cluster/workspaces/readiness.py": "Use 'kubectl kaito status ",
    "kaito/util/program.py": "kubectl kaito",
    "kaito/forward/proxy.py": "kaito forward: ",
}
#: Help texts, which are changed when they are shown, and a file that is written once.
SHOWN_AS_STARTED = {"_DESCRIPTION", "_EXAMPLES", "EXAMPLES", "TEMPLATE"}
HELP_OF_FLAGS = "kaito/options/table.py"


def test_commands_are_named_as_the_user_has_started_the_program():
    command = re.compile(rf"kubectl kaito|(?<![\w./-])kaito ({'|'.join(BUILT_IN)})\b")
    found = []
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for statement in ast.parse(path.read_text("utf-8")).body:
            targets = {getattr(one, "id", "") for one in getattr(statement, "targets", [])}
            if name == HELP_OF_FLAGS or targets & SHOWN_AS_STARTED:
                continue
            for text, line in texts(statement):
                if command.search(text) and not text.startswith(OTHERWISE_NAMED.get(name, "\0")):
                    found.append(f"{name}:{line}: {text}")
    assert found == []


def test_a_plain_hint_that_names_a_command_is_shown_at_a_prompt_only():
    hints = ("'/undo' removes it", "See /help.", "Look into /tmp", "Ask /help/me", "(/retry)", "Use --model")
    error = KaitoError("x", *hints)
    assert error.shown_hints(in_shell=True, commands=COMMANDS) == list(hints)
    assert error.shown_hints(commands=COMMANDS) == ["Look into /tmp", "Ask /help/me", "Use --model"]


def test_a_shell_hint_without_another_text_is_left_out_elsewhere():
    error = KaitoError("x", ShellHint("'/undo' removes it"), ShellHint("/model lists all", "Use --model"))
    assert error.lines(in_shell=True) == ["❌ Error: x", "   '/undo' removes it", "   /model lists all"]
    assert error.lines() == ["❌ Error: x", "   Use --model"]


@pytest.mark.parametrize("alone", [True, False])
def test_a_full_window_names_a_flag_in_a_script(alone):
    *_, last = WindowError(9, 8, alone=alone).lines()
    assert last == "   The window holds 8 tokens, prompt and answer" + (
        "" if alone else "; --trim drops the oldest turns"
    )
