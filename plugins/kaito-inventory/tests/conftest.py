"""A fixture that writes an inventory, and the plugin that is loaded in each run."""

from __future__ import annotations

import hypothesis
import pytest
import yaml

pytest_plugins = ["kaito.testing.fixtures"]

# No example fails because the machine is busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def load_only_this_plugin(clean_environment, monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "inventory")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes an inventory with these entries, or a text, and returns its path."""

    def write(*entries, text=None, path=tmp_path / "team.yaml"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if text is not None else yaml.safe_dump({"endpoints": list(entries)}))
        return path

    return write


@pytest.fixture
def write_default(write, clean_environment):
    """Return a function that writes the inventory in the configuration folder."""

    def write_default(*entries):
        return write(*entries, path=clean_environment / ".config/kaito/inventory.yaml")

    return write_default


@pytest.fixture
def secret(tmp_path):
    """Return a function that writes a file that only the user can read, and returns its name."""

    def secret(name, content="s3cret\n", mode=0o600):
        path = tmp_path / name
        path.write_text(content)
        path.chmod(mode)
        return str(path)

    return secret
