"""Scripted typing for the tests of the prompt."""

import pytest


@pytest.fixture
def typed(monkeypatch):
    """Return a list of what `input` does, call by call: it returns a text, raises an exception, or calls a function."""
    steps = []

    def scripted_input(prompt):
        step = steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step

    monkeypatch.setattr("builtins.input", scripted_input)
    return steps
