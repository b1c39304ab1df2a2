"""Which model `--model` means."""

import pytest
from kaito_local.model import NAME, own_file

from kaito.errors import ExitCode, KaitoError, NotFoundError, UsageError


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "some.gguf"
    path.write_bytes(b"GGUF and more")
    return path


@pytest.mark.parametrize("name", [None, NAME, NAME.lower()])
def test_the_built_in_model(name):
    assert own_file(name) is None


def test_a_path(gguf):
    assert own_file(str(gguf)) == gguf


def test_a_path_needs_no_suffix(gguf, tmp_path):
    gguf.rename(tmp_path / "weights")
    assert own_file(str(tmp_path / "weights")) == tmp_path / "weights"


def test_home(gguf, monkeypatch):
    monkeypatch.setenv("HOME", str(gguf.parent))
    monkeypatch.setenv("USERPROFILE", str(gguf.parent))
    assert own_file("~/some.gguf") == gguf


def test_a_relative_path(gguf, monkeypatch):
    monkeypatch.chdir(gguf.parent)
    found = own_file("some.gguf")
    assert found is not None
    assert found.samefile(gguf)


@pytest.mark.parametrize("name", ["/nowhere/x.gguf", "~nobody-of-that-name/x.GGUF", "x\0y.gguf"])
def test_a_missing_file(name):
    with pytest.raises(NotFoundError, match="There is no model file") as caught:
        own_file(name)
    assert caught.value.exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", "gpt-4", "org/model"])
def test_another_name(name):
    with pytest.raises(UsageError, match="names no model") as caught:
        own_file(name)
    assert NAME in caught.value.hints[0]
    assert ".gguf" in caught.value.hints[0]


def test_a_folder(tmp_path):
    with pytest.raises(UsageError, match="is not a file"):
        own_file(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 a zip archive"])
def test_a_file_of_another_format(gguf, content):
    gguf.write_bytes(content)
    with pytest.raises(UsageError, match="not a model in GGUF format"):
        own_file(str(gguf))


def test_a_file_that_cannot_be_read(monkeypatch):
    # A process's memory: a regular file that nobody can read from its start, root neither.
    with pytest.raises(KaitoError, match=r"cannot be read: \w+"):
        own_file("/proc/self/mem")
