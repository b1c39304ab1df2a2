"""The interpretation of `--model`."""

import pytest
from kaito_local.model import NAME, chosen

from kaito.errors import ExitCode, KaitoError, NotFoundError, UsageError


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "some.gguf"
    path.write_bytes(b"GGUF and more")
    return path


@pytest.mark.parametrize("name", [None, NAME, NAME.lower()])
def test_the_built_in_model(name):
    assert chosen(name) is None


def test_a_path(gguf):
    assert chosen(str(gguf)) == gguf


def test_a_path_without_a_suffix(gguf, tmp_path):
    gguf.rename(tmp_path / "weights")
    assert chosen(str(tmp_path / "weights")) == tmp_path / "weights"


def test_the_home_folder(gguf, monkeypatch):
    monkeypatch.setenv("HOME", str(gguf.parent))
    monkeypatch.setenv("USERPROFILE", str(gguf.parent))
    assert chosen("~/some.gguf") == gguf


def test_a_relative_path(gguf, monkeypatch):
    monkeypatch.chdir(gguf.parent)
    path = chosen("some.gguf")
    assert path is not None
    assert path.samefile(gguf)


@pytest.mark.parametrize("name", ["/nowhere/x.gguf", "~nobody-of-that-name/x.GGUF", "x\0y.gguf"])
def test_a_missing_file(name):
    with pytest.raises(NotFoundError, match="does not exist") as caught:
        chosen(name)
    assert caught.value.exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", "gpt-4", "org/model"])
def test_an_unknown_name(name):
    with pytest.raises(UsageError, match="the local backend has no model") as caught:
        chosen(name)
    assert NAME in caught.value.hints[0]
    assert ".gguf" in caught.value.hints[0]


def test_a_folder(tmp_path):
    with pytest.raises(UsageError, match="is not a file"):
        chosen(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 a zip archive"])
def test_a_file_in_another_format(gguf, content):
    gguf.write_bytes(content)
    with pytest.raises(UsageError, match="not a model in GGUF format"):
        chosen(str(gguf))


def test_an_unreadable_file(monkeypatch):
    # A regular file that not even root can read from its start: the memory of a process.
    with pytest.raises(KaitoError, match=r"cannot read .+: \w+"):
        chosen("/proc/self/mem")
