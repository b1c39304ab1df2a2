"""Each kind of plugin: rendered, checked, installed into a fresh environment, tested there, and chatted through."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter

import kaito
from kaito.testing import ModelServer, Say, child_environment

TEMPLATE = Path(__file__).parents[1]
#: The kinds, each with the arguments of kaito that use the plugin, its standard input, and what it then writes.
KINDS = {
    "backend": (("chat", "--backend", "my-backend", "--my-backend-url", "{url}", "-m", "Hi"), "", "Assistant: Hello\n"),
    "formatter": (("chat", "--endpoint", "{url}", "-o", "my-formatter", "-m", "Hi"), "", "> Hello\n"),
    "slash-commands": (("chat", "--endpoint", "{url}"), "/my-slash-commands Hi\n", "Assistant: Hello\n"),
    "subcommand": (("my-subcommand", "--endpoint", "{url}"), "", "ANSWER   SECONDS\nHello    "),
}
#: This project's rules for plugins.
RULES = ("--isolated", "--no-cache", "--line-length=120", "--select=E,F,W,I,B,UP,C4,RUF,SIM,PT", "--ignore=RUF001")


def render(kind, folder, **values):
    context = {"kind": kind, "name": f"my-{kind}", "description": "A plugin that is tested", **values}
    return Path(cookiecutter(str(TEMPLATE), no_input=True, extra_context=context, output_dir=str(folder)))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    return {kind: render(kind, folder) for kind in KINDS}


def run(*command, cwd, **options):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **{"env": child_environment({"PYTHONPATH": None, "KAITO_PLUGINS": None}), **options},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_code_is_formatted_and_typed(rendered):
    for folder in rendered.values():
        run(sys.executable, "-m", "ruff", "check", *RULES, ".", cwd=folder)
        run(sys.executable, "-m", "ruff", "format", *RULES[:3], "--check", ".", cwd=folder)
    sources = [each / "src" for each in rendered.values()]
    types = ("--strict", "--follow-imports=silent", "--cache-dir=/dev/null")
    run(sys.executable, "-m", "mypy", *types, *sources, cwd=folder, env=mypy_environment())


def mypy_environment():
    """Return an environment in which mypy finds kaito, also when it is a checkout and not an installed wheel."""
    root = Path(kaito.__file__).parents[1]
    installed = root == Path(sysconfig.get_path("purelib"))
    return child_environment({"PYTHONPATH": None, "MYPYPATH": None if installed else str(root)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind(rendered, kind, tmp_path, clean_environment):
    folder = rendered[kind]
    assert not any(
        re.search(r"\{[{%]", path.read_text("utf-8", "replace")) for path in folder.rglob("*") if path.is_file()
    )
    python = environment(tmp_path / "venv")
    # The build tool is installed here: nothing is downloaded.
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", *offline, folder, cwd=tmp_path)
    # From another folder, so that the installed module is tested.
    passed = run(
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        folder / "pytest.ini",
        folder / "tests",
        cwd=tmp_path,
    )
    assert re.search(r"\d+ passed", passed)
    assert "failed" not in passed
    arguments, script, expected = KINDS[kind]
    with ModelServer() as server:
        server.enqueue(Say("Hello"))
        command = [part.format(url=server.url) for part in arguments]
        written = run(python, "-P", "-m", "kaito", *command, cwd=tmp_path, input=script)
    assert written.startswith(expected)
    [listed] = [
        line
        for line in run(python, "-P", "-m", "kaito", "plugins", cwd=tmp_path).splitlines()
        if f"kaito-my-{kind}" in line
    ]
    assert "0.1.0" in listed


def environment(folder):
    """Create a fresh environment that has what is installed here, and return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    [site] = folder.glob("lib/python*/site-packages")
    # `addsitedir` follows the links of editable installations, too.
    (site / "tools.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return python


@pytest.mark.parametrize(
    ("kind", "name"),
    [("backend", "My"), ("backend", "a--b"), ("formatter", "1"), ("backend", "url"), ("formatter", "json")],
)
def test_a_name_that_kaito_would_refuse(tmp_path, kind, name):
    with pytest.raises(FailedHookException):
        render(kind, tmp_path, name=name)
    assert list(tmp_path.iterdir()) == []
