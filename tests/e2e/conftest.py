"""Fixtures for all end-to-end tests: a model server, and a chat with it on a terminal."""

import pytest

from kaito.testing import kaito_command


@pytest.fixture
def server(model_server):
    """Return the model server, with the model of the contract's examples."""
    model_server.model = "llama-2-7b"
    return model_server


@pytest.fixture
def start(terminal, server):
    """Return a function that starts a chat on a terminal."""

    def start(*arguments, **options):
        command = kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama", *arguments)
        return terminal(command, **options)

    return start
