"""The fixtures of kaito.testing, and this plugin in each run of kaito."""

import pytest

pytest_plugins = ["kaito.testing.fixtures"]


@pytest.fixture(autouse=True)
def load_this_plugin(clean_environment, monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "{{ cookiecutter.name }}")
