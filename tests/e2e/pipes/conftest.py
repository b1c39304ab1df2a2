"""Fixtures that run `kaito chat` in a process of its own."""

import pytest


@pytest.fixture
def chat(kaito, model_server):
    """Run `kaito chat` against the model server."""

    def chat(*arguments, **options):
        return kaito("chat", "--endpoint", model_server.url, *arguments, **options)

    return chat


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin file and return its path."""

    def plugin(source, name="mine"):
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        return str(file)

    return plugin
