"""The command of an error that says what to install is that of the program that installed kaito."""

import json
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kaito.util.installation import Installation, install_hint

RECEIPT = """
[tool]
requirements = [
    {{ name = "kaito-rich", directory = "{checkout}/plugins/kaito-rich" }},
    {{ name = "kaito", extras = ["schema", "socks"], directory = "{checkout}" }},
    {{ name = "rich", specifier = ">=13" }},
    {{ name = "a", extras = ["x"], url = "https://h/a.whl" }},
]
entrypoints = [{{ name = "kaito", install-path = "/home/u/.local/bin/kaito" }}]
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "a checkout" / "plugins" / "kaito-local").mkdir(parents=True)
    return tmp_path / "a checkout"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that makes this process's kaito one that is installed in a certain way."""

    def install(*, source="", has_pip=True, files=()):
        prefix = tmp_path / "venvs" / "kaito"
        prefix.mkdir(parents=True)
        for name, content in dict(files).items():
            (prefix / name).write_text(content)
        current = Installation(prefix=prefix, python=f"{prefix}/bin/python", has_pip=has_pip, source=str(source))
        monkeypatch.setattr(Installation, "current", lambda: current)
        return current.python

    return install


def test_an_environment_has_its_own_pip(installed, checkout):
    python = installed(source=checkout)
    assert install_hint("kaito-local") == f"To install it: {python} -m pip install '{checkout}/plugins/kaito-local'"
    assert install_hint("pyte") == f"To install it: {python} -m pip install pyte"
    assert install_hint("xllamacpp", reinstall=True) == (
        f"To reinstall it: {python} -m pip install --force-reinstall xllamacpp"
    )


def test_an_environment_without_pip_is_one_of_uv(installed):
    python = installed(has_pip=False)
    assert install_hint("pyte") == f"To install it: uv pip install --python {python} pyte"
    assert install_hint("pyte", reinstall=True) == (
        f"To reinstall it: uv pip install --python {python} --reinstall pyte"
    )


def test_pipx(installed, checkout):
    installed(source=checkout, files={"pipx_metadata.json": "{}"})
    assert install_hint("kaito-local") == f"To install it: pipx inject kaito '{checkout}/plugins/kaito-local'"
    assert install_hint("x", reinstall=True) == "To reinstall it: pipx runpip kaito install --force-reinstall x"


def test_uv_keeps_what_is_named_again(installed, checkout):
    installed(source=checkout, files={"uv-receipt.toml": RECEIPT.format(checkout=checkout)})
    hint = install_hint("kaito-local")
    assert hint.startswith("To install it: uv tool install ")
    assert shlex.split(hint.removeprefix("To install it: uv tool install ")) == [
        f"--with={checkout}/plugins/kaito-rich",
        "--with=rich>=13",
        "--with=a[x] @ https://h/a.whl",
        f"--with={checkout}/plugins/kaito-local",
        f"{checkout}[schema,socks]",
    ]


@pytest.mark.parametrize(
    "source",
    ['git = "https://h/a?rev=1&subdirectory=b"', 'editable = "/home/u/a"', 'url = "https://u:hunter2@h/a.whl"'],
)
def test_what_uv_has_installed_from_a_source_that_cannot_be_named(installed, source):
    receipt = f'[tool]\nrequirements = [{{ name = "kaito" }}, {{ name = "a", {source} }}]'
    installed(files={"uv-receipt.toml": receipt})
    assert install_hint("pyte").startswith(
        "How to install it beside what uv has installed for kaito: https://github.com/"
    )


def test_a_command_on_windows_has_its_quotes(installed, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    current = Installation(prefix=Path("x"), python=r"C:\a b\python.exe", has_pip=True, source="")
    monkeypatch.setattr(Installation, "current", lambda: current)
    assert install_hint("pyte") == r'To install it: "C:\a b\python.exe" -m pip install pyte'


@pytest.mark.parametrize("receipt", ["", "[", "[tool]\nrequirements = 3", "[tool]\nrequirements = [{name = 'b'}]"])
def test_a_receipt_of_uv_that_is_not_understood(installed, receipt):
    installed(files={"uv-receipt.toml": receipt})
    assert install_hint("pyte") == "To install it: uv tool install --with=pyte kaito"


@pytest.mark.parametrize("source", ["/gone", "https://github.com/kaito-project/kaito-chat"])
def test_without_the_checkout_the_hint_says_where(installed, source):
    python = installed(source=source)
    assert install_hint("kaito-rich") == (
        f"To install it, in a checkout of kaito: {python} -m pip install ./plugins/kaito-rich"
    )


def test_a_kaito_of_a_package_index_has_plugins_there(installed):
    python = installed()
    assert install_hint("kaito-rich") == f"To install it: {python} -m pip install kaito-rich"


def test_an_extra_is_what_it_requires(installed):
    installed(files={"pipx_metadata.json": "{}"})
    assert install_hint("kaito", extra="schema") == "To install it: pipx inject kaito 'jsonschema>=4.18'"
    assert install_hint("nothing", extra="x") == "To install it: pipx inject kaito 'nothing[x]'"


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ({"url": "file:///home/u/a%20b", "dir_info": {}}, "/home/u/a b"),
        ({"url": "https://h/a.whl", "archive_info": {}}, "https://h/a.whl"),
        ([], ""),
        (None, ""),
    ],
)
def test_the_source_is_what_the_installer_recorded(tmp_path, monkeypatch, url, source):
    # What a build left in a checkout was not installed.
    for name, files in (("a", {}), ("b", {"INSTALLER": "pip\n", "direct_url.json": json.dumps(url)})):
        folder = tmp_path / name / "kaito-1.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: kaito\nVersion: 1\n")
        for file, content in files.items():
            if content != "null":
                (folder / file).write_text(content)
    found = [next(iter(metadata.distributions(path=[str(tmp_path / name)]))) for name in ("a", "b")]
    monkeypatch.setattr(metadata, "distributions", lambda **_: iter(found))
    current = Installation.current()
    assert current is not None
    assert (current.source, current.prefix) == (source, Path(sys.prefix))


def test_the_single_file_has_no_command(monkeypatch):
    monkeypatch.setattr(metadata, "distributions", lambda **_: iter(()))
    assert install_hint("kaito-rich").startswith("How to install it depends on how kaito was installed: https://")


def test_the_command_of_this_environment_installs():
    current = Installation.current()
    if current is None or not current.has_pip:
        pytest.skip("kaito is not installed, or without pip")
    command = current.command(["pluggy"])
    assert command is not None
    subprocess.run([*command, "--dry-run", "--no-index", "--quiet"], check=True)
