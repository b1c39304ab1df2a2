"""A chat on a terminal."""

import pytest


@pytest.fixture
def chat(start):
    """Return a function that starts a chat and waits for its prompt."""

    def chat(*arguments, **options):
        session = start(*arguments, **options)
        session.wait_for("\n>")
        return session

    return chat
