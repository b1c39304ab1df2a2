"""The documentation matches the code: hooks, commands, settings, exit codes, and links."""

import importlib.util
import inspect
import os
import re
import subprocess
from pathlib import Path

import pytest

import kaito
from docs import command_line
from kaito import hookspecs
from kaito.errors import ExitCode
from kaito.options import table
from kaito.plugin import discovery
from kaito.plugin.built_in import SUBCOMMANDS, subcommand_module
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from kaito.shell.context import ShellContext

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "guide").glob("*.md")))
PLUGINS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("kaito_")}


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_each_hook_is_documented_with_its_signature(name):
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"| `{name}({arguments})` |" in PLUGINS
    text = inspect.getdoc(HOOKS[name]) or ""
    assert "Called " in text
    assert all(f"    {argument}:" in text for argument in inspect.signature(HOOKS[name]).parameters)


@pytest.mark.parametrize("source", re.findall(r"```python\n(.+?)```", PLUGINS, re.DOTALL))
def test_each_example_plugin_loads(source, tmp_path):
    if "hookimpl" not in source:
        compile(source, "example", "exec")
        return
    file = tmp_path / "example.py"
    file.write_text(source)
    warnings = []
    plugins = create_plugins(warn=warnings.append, allowed="")
    plugins.load(discovery.named([str(file)]))
    plugins.formatters()
    plugins.backends(Settings())
    plugins.slash_commands(Settings())
    assert warnings == []
    assert plugins.reports()[-1].loaded


def test_the_readme_is_short():
    assert len(README.split()) <= 900


@pytest.mark.parametrize("page", ["README.md", "docs/guide/install.md"])
def test_an_installation_with_pip_is_found_by_new_terminals(page, tmp_path):
    text = (ROOT / page).read_text("utf-8")
    [venv] = re.findall(r"^python3 -m venv (\S+)(?: && \.venv/bin/pip install -q '|\n~)", text, re.MULTILINE)
    [links] = re.findall(r"^mkdir -p ~/\.local/bin[^\n]*\n(?:ln [^\n]*\n)?", text, re.MULTILINE)
    [scripts] = re.findall(r"console_scripts =\n(.+?)\n\n", (ROOT / "setup.cfg").read_text("utf-8"), re.DOTALL)
    names = set(re.findall(r"^ +(\S+) = ", scripts, re.MULTILINE))
    programs = tmp_path / venv.replace("~", str(tmp_path)) / "bin"
    programs.mkdir(parents=True)
    for name in (*names, "pip", "python3"):
        (programs / name).touch()
    for _ in range(2):  # also when it is installed again
        subprocess.run(["sh", "-euc", links], cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, check=True)
    linked = tmp_path / ".local" / "bin"
    assert {path.name for path in linked.iterdir() if path.exists()} == names


def test_the_readme_names_the_tested_pythons():
    [environments] = re.findall(r"^env_list = (.+)$", (ROOT / "tox.ini").read_text("utf-8"), re.MULTILINE)
    [tested] = re.findall(r"^## Tested versions\n\n(.+?)\n\n", README, re.MULTILINE | re.DOTALL)
    assert re.findall(r"3\.\d+", tested) == [f"3.{minor}" for minor in re.findall(r"\bpy3(\d+)\b", environments)]


def test_each_command_is_in_the_guide():
    for name in SUBCOMMANDS:
        assert f"kaito {name}" in GUIDE
        assert importlib.util.find_spec(subcommand_module(name)) is not None


def test_each_slash_command_and_setting_is_in_the_guide():
    plugins = create_plugins(warn=pytest.fail, allowed="")
    for name, offered in plugins.slash_commands(Settings()).items():
        usage = f"/{name} {offered.value.arguments}".rstrip()
        assert f"`{usage}`" in GUIDE
        assert offered.value.describe()
        assert len(offered.value.describe()) < 60
    [settings] = re.findall(r"^The settings are (.+?)\. ", GUIDE, re.MULTILINE | re.DOTALL)
    assert set(re.findall("`([a-z-]+)`", settings)) == set(table.SETTINGS)


def test_the_flags_of_one_run_are_in_the_guide():
    [named] = re.findall(r"^- \*\*One run only\*\*: (.+?) cannot be set", GUIDE.replace("\n ", ""), re.MULTILINE)
    parsers = [command_line.subcommand(name)[1] for name in SUBCOMMANDS]
    flags = {
        action.option_strings[-1] for parser in parsers for action in parser._actions if is_of_one_run(parser, action)
    }
    assert set(re.findall("`([a-z-]+)`", named)) == {flag[2:] for flag in flags}


def is_of_one_run(parser, action):
    return action.option_strings and action.dest != "help" and parser.form(action).scope == "never"


def test_each_member_of_the_shell_context_is_documented():
    names = [name for name in vars(ShellContext) if not name.startswith("_")]
    table = PLUGINS[PLUGINS.index("kaito.ShellContext") : PLUGINS.index("## Rules")]
    assert [name for name in names if f"`{name}" not in table] == []


def test_each_exit_code_is_in_the_guide():
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", GUIDE, re.MULTILINE)] == [int(code) for code in ExitCode]


def test_each_variable_is_in_the_guide():
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "kaito").rglob("*.py"))
    names = set(re.findall(r'"(KAITO_[A-Z_]+[A-Z])"', sources))
    # One rule in the guide covers the variables of flags.
    flags = {option.flag for value in vars(table).values() if isinstance(value, tuple) for option in value}
    names -= {f"KAITO_{flag.lstrip('-').upper().replace('-', '_')}" for flag in flags}
    assert {name for name in names if f"`{name}`" not in GUIDE} == set()


def test_ci_runs_the_readme_s_test_command():
    [command] = re.findall(r"^## Tests\n\n    (.+)\n", README, re.MULTILINE)
    assert "tox run" in command
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_the_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text or f"## [{kaito.__version__}]" in text


def test_the_package_exports_the_contract():
    assert kaito.hookimpl is hookspecs.hookimpl
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = kaito.nothing
    assert all(getattr(kaito, name) is not None for name in kaito.__all__)


def test_every_public_function_has_a_docstring():
    missing = []
    for file in (ROOT / "kaito").rglob("*.py"):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name == "kaito.__main__":
            continue
        module = importlib.import_module(name)
        assert module.__doc__, name
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if (inspect.isroutine(value) or inspect.isclass(value)) and not value.__doc__:
                missing.append(f"{name}.{attribute}")
    assert missing == []
