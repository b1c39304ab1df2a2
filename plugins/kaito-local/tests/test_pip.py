"""Running pip, and what it says when it fails."""

import asyncio
import sys

import pytest
from kaito_local import pip
from kaito_local.download import REQUIREMENT


def fails(folder):
    with pytest.raises(pip.PipError) as caught:
        asyncio.run(pip.download(REQUIREMENT, folder))
    return caught.value.reasons


@pytest.fixture
def closed_port():
    import socket

    with socket.socket() as bound:  # bound and not listening: connections are refused as long as it lives
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_index_that_cannot_be_reached(tmp_path, monkeypatch, closed_port):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{closed_port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")  # pip tells the cause when it tries again
    reasons = fails(tmp_path)
    assert any("refused" in reason for reason in reasons)
    assert any(REQUIREMENT in reason for reason in reasons)
    assert "secret" not in str(reasons)


def test_an_index_without_the_wheel(tmp_path, no_index):
    assert any(REQUIREMENT in reason for reason in fails(tmp_path))


def test_a_wish_for_virtual_environments_does_not_matter(tmp_path, monkeypatch, no_index):
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    assert any(REQUIREMENT in reason for reason in fails(tmp_path))


def test_a_file_named_pip_in_the_current_folder_is_not_run(tmp_path, monkeypatch, no_index):
    (tmp_path / "pip.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    assert "taken over" not in str(fails(tmp_path))


@pytest.mark.parametrize("interpreter", ["", "/nowhere/python"])
def test_an_interpreter_that_is_not_there(tmp_path, monkeypatch, interpreter):
    monkeypatch.setattr(sys, "executable", interpreter)
    assert fails(tmp_path)


def test_the_last_lines_that_tell_why():
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
