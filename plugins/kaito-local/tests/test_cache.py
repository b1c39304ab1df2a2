"""The folder of downloaded models."""

from pathlib import Path

import pytest
from kaito_local import cache

from kaito.errors import KaitoError


def test_the_xdg_folder():
    assert cache.folder({"XDG_CACHE_HOME": "/x"}, "linux") == Path("/x/kaito/models")


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}])
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_home(environment, platform, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache.folder(environment, platform) == Path("/home/someone/.cache/kaito/models")


def test_windows():
    environment = {"LOCALAPPDATA": "/local", "XDG_CACHE_HOME": "/x"}
    assert cache.folder(environment, "win32") == Path("/local/kaito/models")
    assert cache.folder(environment, "linux") == Path("/x/kaito/models")


def test_no_folder(monkeypatch):
    monkeypatch.setenv("HOME", "nowhere")
    with pytest.raises(KaitoError, match="No folder for the model"):
        cache.folder({}, "linux")


def test_the_lock_is_exclusive(tmp_path):
    with cache.exclusive(tmp_path) as first, cache.exclusive(tmp_path) as second:
        assert (first, second) == (True, False)
    with cache.exclusive(tmp_path) as third:
        assert third


def test_temporary_folders_of_earlier_downloads_are_removed(tmp_path):
    leftover = tmp_path / ".download-left"
    leftover.mkdir()
    (leftover / "half.whl").write_bytes(b"x")
    (tmp_path / "model.gguf").write_bytes(b"x")
    with cache.scratch(tmp_path) as temporary:
        assert not leftover.exists()
        (temporary / "file").write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]
