"""The plugin is loaded in each run, and a fixture reads what it wrote."""

from __future__ import annotations

import json

import hypothesis
import pytest

pytest_plugins = ["kaito.testing.fixtures"]

# No example fails because the machine is busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def load_only_this_plugin(clean_environment, monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "transcript")


@pytest.fixture
def file(tmp_path):
    """Return the path of a transcript that does not exist yet."""
    return tmp_path / "chat.jsonl"


@pytest.fixture
def records():
    """Return a function that returns the records of a file."""
    return lambda path: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
