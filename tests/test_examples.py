"""What the documentation names exists: flags, subcommands, slash commands, files, environments of tox.

The examples run in tests/e2e/cluster/test_examples.py.
"""

import itertools
import json
import re

import pytest

from docs import command_line
from docs.repository import ROOT
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from tests.examples import PAGES, SHELLS, commands, examples, write_files

#: Subcommands and flags that distributions of this repository add; their own tests run them.
PLUGINS = {"inventory": (), "transcript": (), "chat": ("--inventory", "--transcript")}
#: Flags that prose may name, of slash commands and of other programs.
OTHERS = {"--force", "--user"}
SLASH_COMMANDS = {"help", "status", *create_plugins(warn=pytest.fail, allowed="").slash_commands(Settings())}
TOX = set(re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text("utf-8"), re.MULTILINE))
PARSERS = {name: command_line.subcommand(name)[1] for name in SUBCOMMANDS}
NAMED = {flag for parser in PARSERS.values() for action in parser._actions for flag in action.option_strings}
#: With the reverse of each flag, which the help does not list.
FLAGS = {*NAMED, *(f"--no-{flag[2:]}" for flag in NAMED), *(flag.replace("--no-", "--") for flag in NAMED)}


def check(words):
    """Check one command of an example."""
    program, *arguments = words
    if program == "kubectl" and arguments[:1] == ["kaito"]:
        program, *arguments = arguments
    if program.rpartition("/")[2] == "kaito":
        check_kaito(arguments)
    elif program in ("pip", "pipx", "uv") or program.endswith("/pip"):
        for path in [word for word in arguments if word.startswith(("./", "'.", "."))]:
            name, _, extras = path.partition("[")
            assert (ROOT / name).is_dir(), path
            known = (ROOT / name / "setup.cfg").read_text("utf-8")
            assert all(f"\n{extra} =\n" in known for extra in extras.rstrip("]").split(",") if extra), path
    elif program.endswith("tox"):
        environments = [following for word, following in itertools.pairwise(arguments) if word == "-e"]
        assert set(environments) <= TOX | {"py311"}


def check_kaito(arguments):
    if arguments[0] in ("--version", "--help"):
        return
    name, *rest = arguments
    if name not in SUBCOMMANDS:
        assert name in PLUGINS
        return
    added = PLUGINS.get(name, ())
    PARSERS[name].parse([word for word in rest if word not in added])


@pytest.mark.parametrize("example", examples(*SHELLS), ids=str)
def test_each_command_can_be_parsed(example, tmp_path, monkeypatch):
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for words in commands(example.code):
        check(words)


def test_each_block_has_a_language_and_each_exception_a_reason():
    known = {*SHELLS, "text", "json", "toml", "yaml", "python", "console", "html", "{toctree}"}
    for example in examples():
        assert example.language in known, f"{example}: the language '{example.language}'"
        assert re.fullmatch("|not run|exit code [1-5]", example.rule), f"{example}: {example.rule}"
        assert bool(example.reason) == (example.rule == "not run"), f"{example}: say why"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_name_in_the_text_exists(page):
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", prose):
        if page.name == "go-plugin.md" and not code.startswith("kaito"):
            continue  # the flags of the other plugin
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z](?![-a-z])", code):
            assert flag in FLAGS | OTHERS | set(PLUGINS["chat"]), f"{code}: no command has the flag"
        if match := re.match(r"kaito (?P<name>[a-z][a-z-]*)", code):
            assert match["name"] in {*SUBCOMMANDS, *PLUGINS, "COMMAND"}, code
        elif match := re.match(r"/(?P<name>[a-z]{2,})(?: |$)", code):
            assert match["name"] in SLASH_COMMANDS, code


def test_the_example_of_json_has_the_fields(kaito, model_server):
    [example] = [each for each in examples("json") if '"finish_reason"' in each.code]
    outcome = kaito("chat", "--endpoint", model_server.url, "-o", "json", "-m", "Hello!")
    expected, found = json.loads(example.code), json.loads(outcome.out)
    assert found.keys() == expected.keys()
    assert found["usage"].keys() == expected["usage"].keys()
    assert found["timings"].keys() == expected["timings"].keys()


def test_the_commands_of_a_line_are_found():
    code = 'a "$(kaito b --c)/d" | kaito e \\\n  -f "g h"; i && j\nsource <(kaito k)\n'
    assert list(commands(code)) == [
        ["a"],
        ["kaito", "b", "--c"],
        ["kaito", "e", "-f", "g h"],
        ["i"],
        ["j"],
        ["source"],
        ["kaito", "k"],
    ]
