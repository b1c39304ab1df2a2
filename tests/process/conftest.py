"""A chat with the model server, in a process of its own."""

import pytest


@pytest.fixture
def chat(kaito, model_server):
    """Run `kaito chat` against the model server."""

    def chat(*arguments, **options):
        return kaito("chat", "--endpoint", model_server.url, *arguments, **options)

    return chat
