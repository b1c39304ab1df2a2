"""The man pages: written from the parsers, complete, and readable by man."""

import argparse
import re
import shutil
import subprocess

import pytest

from docs import command_line, man_pages
from docs.repository import ROOT, table
from kaito.errors import ExitCode
from kaito.plugin.built_in import SUBCOMMANDS

PAGES = man_pages.pages()


def shown(name):
    """Return a page as man shows it, on wide paper."""
    if shutil.which("man") is None or shutil.which("groff") is None:
        pytest.skip("man and groff are not installed")
    command = ["man", "--warnings", "--local-file", str(man_pages.FOLDER / name)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"MANWIDTH": "200", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(r".\x08", "", done.stdout)


def test_the_pages_of_the_wheel_are_those_of_the_parsers():
    kept = {file.name: file.read_text("utf-8") for file in man_pages.FOLDER.iterdir()}
    assert kept == PAGES, "write them anew: python -m docs.man_pages"
    assert "share/man/man1 = docs/man/*.1" in (ROOT / "setup.cfg").read_text("utf-8")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_man_shows_each_flag_and_example(name):
    page, parser = shown(f"kaito-{name}.1"), command_line.subcommand(name)[1]
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            assert f"       {', '.join(action.option_strings)}" in page
    for line in command_line.command_page(name).examples.splitlines():
        assert f"       {line}".rstrip() in page.splitlines()


def test_man_shows_commands_exit_codes_and_variables():
    page = shown("kaito.1")
    assert all(f"       kaito {name}\n" in page for name in SUBCOMMANDS)
    assert [int(code) for code in re.findall(r"^       (\d+) ", page, re.MULTILINE)] == [int(code) for code in ExitCode]
    assert "       KAITO_API_KEY\n" in page
    assert "\n       kaito - chat with" in page


def test_man_shows_the_files():
    config, history = "~/.config/kaito/config.toml", "~/.local/state/kaito/history.db"
    for name, files in {"kaito": [config, history], "kaito-history": [history], "kaito-config": [config]}.items():
        page = shown(f"{name}.1").partition("\nFILES\n")[2]
        assert all(f"       {file}\n" in page for file in files), name


def test_slash_commands_and_settings_are_in_the_page_of_the_chat():
    page = shown("kaito-chat.1")
    for usage, _ in [*command_line.slash_commands(), *command_line.settings()]:
        assert re.search(rf"^       {re.escape(usage)}( |$)", page, re.MULTILINE), usage


def test_special_characters_survive():
    text = ".request 'quoted' a-b `code` \\n ~ ^"
    assert man_pages._marked(text) == "\\&.request \\(aqquoted\\(aq a\\-b \\fBcode\\fR \\en \\(ti \\(ha"


def test_pages_of_earlier_commands_are_removed(tmp_path):
    (tmp_path / "kaito-earlier.1").touch()
    man_pages.write_pages(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(PAGES)


def test_a_table_that_does_not_exist_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("| a `b` | c |\n| --- | --- |\n| `x`, `y` | see [z](z.md) |\n")
    assert table(page, "a `b`") == [("x, y", "see z")]
    with pytest.raises(ValueError, match=r"page\.md has no table with the column 'd'"):
        table(page, "d")
