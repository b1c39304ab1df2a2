"""A chat on a terminal, with a server that answers as it is told."""

import pytest

from kaito.testing import ModelServer, kaito_command


@pytest.fixture
def server():
    with ModelServer(model="llama-2-7b") as server:
        yield server


@pytest.fixture
def start(terminal, server):
    """Start a chat on a terminal."""

    def start(*arguments, **options):
        return terminal(
            kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama", *arguments), **options
        )

    return start


@pytest.fixture
def chat(start):
    """Start a chat on a terminal and wait for its prompt."""

    def chat(*arguments, **options):
        session = start(*arguments, **options)
        session.wait_for("\n>")
        return session

    return chat
