"""Fixtures for the tests of the chat client."""

import pytest

from tests.chat.talk import Chat


@pytest.fixture
def chat(model_server):
    return Chat(model_server.url)
