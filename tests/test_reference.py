"""The reference in docs/reference has all hooks, public names, flags, slash commands and settings."""

import argparse
import importlib
import inspect
import re
from pathlib import Path

import pytest

import kaito
import kaito.testing.contract
from docs import command_line
from kaito import cluster, hookspecs, testing, toolkit, types
from kaito.options import table
from kaito.options.option import Option
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
DIRECTIVE = re.compile(r"^\.\. auto(class|exception|function|data):: (kaito[\w.]*)\.(\w+)$", re.MULTILINE)
PUBLIC = [
    (module, name)
    for module in (kaito, types, toolkit, cluster, testing, kaito.testing.contract)
    for name in module.__all__
    if name != "__version__"
]


PAGES = command_line.pages()


@pytest.fixture(scope="module")
def documented():
    """Return what the directives name: the objects, and the names of the values that are no objects of their own."""
    objects, names = [], set()
    for path in FOLDER.glob("*.rst"):
        for kind, module, name in DIRECTIVE.findall(path.read_text("utf-8")):
            value = getattr(importlib.import_module(module), name)
            names.add(name)
            objects.append(value)
            assert (kind == "function") == inspect.isroutine(value), name
            assert (kind in ("class", "exception")) == inspect.isclass(value), name
    return objects, names


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=lambda each: getattr(each, "__name__", each))
def test_each_public_name_is_in_the_reference(documented, module, name):
    objects, names = documented
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert any(value is each for each in objects)
        assert inspect.getdoc(value)
    else:
        assert name in names


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("kaito_")])
def test_each_hook_is_in_the_reference(hook):
    assert f".. autofunction:: kaito.hookspecs.{hook}\n" in (FOLDER / "hooks.rst").read_text("utf-8")


def test_each_page_is_in_the_index():
    index = (FOLDER / "index.rst").read_text("utf-8")
    for path in FOLDER.glob("*.rst"):
        assert path.name == "index.rst" or f"\n   {path.stem}\n" in index
    for name in PAGES:
        assert f"\n   generated/{name}\n" in index or ("\n   generated/kaito-*\n" in index and name[:6] == "kaito-")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_flag_is_explained(name):
    command, parser = command_line.subcommand(name)
    page = PAGES[f"kaito-{name}"]
    assert page.startswith(f"kaito {name}\n=====")
    assert command.summary
    for action in parser._actions:
        if action.option_strings:
            assert action.help, f"{action.option_strings} has no help"
            assert action.help != argparse.SUPPRESS, f"{action.option_strings} is hidden"
            assert f"\n``{', '.join(action.option_strings)}" in page
    assert parser.argument is None or parser.argument.help


def test_each_option_of_the_table_is_a_flag_of_a_command():
    options = [
        option
        for value in vars(table).values()
        for option in (value if isinstance(value, tuple) else [value])
        if isinstance(option, Option)
    ]
    assert len(options) > 40
    for option in options:
        assert re.search(rf"^``([^`]*, )?{option.flag}[ `[]", "\n".join(PAGES.values()), re.MULTILINE), option.flag


def test_each_slash_command_and_setting_is_explained():
    commands = dict(command_line.slash_commands())
    for name, offered in create_plugins(warn=pytest.fail, allowed="").slash_commands(Settings()).items():
        assert len(commands[f"/{name} {offered.value.arguments}".rstrip()]) > 10
    settings = dict(command_line.settings())
    assert set(settings) == set(table.SETTINGS)
    for name, option in table.SETTINGS.items():
        assert f"`{option.flag}`: " in settings[name]
        assert f"\n``{name}``\n" in PAGES["settings"]


def test_pages_are_written_when_they_change(tmp_path):
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "kaito-earlier.rst").touch()
    command_line.write_pages(tmp_path / "generated")
    pages = sorted((tmp_path / "generated").iterdir())
    assert [path.stem for path in pages] == sorted(PAGES)
    pages[0].write_text("old")
    before = pages[1].stat().st_mtime_ns
    command_line.write_pages(tmp_path / "generated")
    assert pages[0].read_text() == PAGES[pages[0].stem]
    assert pages[1].stat().st_mtime_ns == before
