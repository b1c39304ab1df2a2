"""What was typed, where it is no session: two shells at once, and scripts."""

import pytest

from tests.e2e.terminals.seen import screen


def say(session, line):
    """Type a line and wait for the next prompt."""
    count = screen(session).count("\n>")
    session.type(f"{line}\n")
    session.wait_for(lambda session: screen(session).count("\n>") > count)


@pytest.fixture
def file(clean_environment):
    return clean_environment / ".local" / "state" / "kaito" / "history"


def test_two_shells_at_once_lose_nothing(chat, file):
    first, second = chat(), chat()
    say(first, "a1")
    say(second, "b1")
    say(first, "a2")
    # Each has its own until they end.
    second.press("up")
    second.wait_for(lambda session: screen(session).endswith("> b1"))
    assert file.read_text() == "a1\nb1\na2\n"
    third = chat()
    third.press("up", "up")
    third.wait_for(lambda session: screen(session).endswith("> b1"))


def test_scripts_record_no_input(start, file):
    session = start(stdin="pipe")
    session.send(b"one\n")
    session.close_stdin()
    assert session.wait_exit() == 0
    assert not file.exists()
