"""Running pip, and the reasons for its failures."""

import asyncio
import configparser
import sys
from pathlib import Path

import pytest
from kaito_local import pip
from kaito_local.download import REQUIREMENT


def failure_of_download(folder):
    with pytest.raises(pip.PipError) as caught:
        asyncio.run(pip.download(REQUIREMENT, folder))
    return caught.value.reasons


@pytest.fixture
def closed_port():
    import socket

    with socket.socket() as bound:  # bound but not listening: it refuses connections
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_unreachable_index(tmp_path, monkeypatch, closed_port):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{closed_port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")  # pip reports the cause when it retries
    reasons = failure_of_download(tmp_path)
    assert any("refused" in reason for reason in reasons)
    assert any(REQUIREMENT in reason for reason in reasons)
    assert "secret" not in str(reasons)


def test_an_index_without_the_wheel(tmp_path, no_index):
    assert any(REQUIREMENT in reason for reason in failure_of_download(tmp_path))


def test_pip_require_virtualenv_is_ignored(tmp_path, monkeypatch, no_index):
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    assert any(REQUIREMENT in reason for reason in failure_of_download(tmp_path))


def test_a_pip_module_in_the_current_folder_is_ignored(tmp_path, monkeypatch, no_index):
    (tmp_path / "pip.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    assert "taken over" not in str(failure_of_download(tmp_path))


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python"])
def test_a_missing_interpreter(tmp_path, monkeypatch, interpreter):
    monkeypatch.setattr(sys, "executable", interpreter)
    assert failure_of_download(tmp_path)


def test_the_reasons_are_the_last_lines_of_the_output():
    output = """Looking in indexes: https://user:****@example.org/simple
WARNING: Retrying (total=0) after connection broken by 'no route'
WARNING: Retrying (total=0) after connection broken by 'no route'
ERROR: Exception:
Traceback (most recent call last):
  File "x.py", line 1, in y
OSError: [Errno 28] No space left on device
ERROR: No matching distribution found

[notice] A new release of pip is available
"""
    assert pip.reasons(output) == [
        "Retrying (total=0) after connection broken by 'no route'",
        "OSError: [Errno 28] No space left on device",
        "No matching distribution found",
    ]


@pytest.mark.parametrize(
    "url", ["https://user:pass@example.org/x", "https://token@example.org/x", "https://user:p/a@ss@example.org/x"]
)
def test_credentials_are_not_shown(url):
    assert pip.reasons(f"Could not fetch {url}: gone") == ["Could not fetch https://***@example.org/x: gone"]


def test_control_sequences_are_not_shown():
    assert pip.reasons("\x1b[31mERROR: a\x1b]0;title\x07b\x9bc\u202ed\x1b[0m\r\nERROR: \x1b]never ended") == ["ab c d"]


def test_long_lines_are_cut():
    assert [len(reason) for reason in pip.reasons("x" * 5000)] == [300]


def test_pip_is_installed_with_the_distribution():
    # An environment of pipx or uv has no pip of its own.
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    assert "pip" in setup["options"]["install_requires"].splitlines()
