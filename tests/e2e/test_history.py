"""What was typed comes back by the up-arrow, in this run and in later ones."""

import stat

import pytest

from tests.e2e.seen import BANNER, at_prompt, screen


@pytest.fixture
def file(clean_environment):
    return clean_environment / ".local" / "state" / "kaito" / "history"


def say(session, *lines):
    """Type lines, each at its own prompt."""
    for line in lines:
        count = screen(session).count("\n>")
        session.type(f"{line}\n")
        session.wait_for(lambda session, count=count: screen(session).count("\n>") > count)


def leave(session):
    session.press("ctrl-d")
    assert session.wait_exit() == 0


def test_entries_come_back_in_the_next_run(chat, server, file):
    session = chat()
    say(session, "one", "status", "two")
    leave(session)
    assert file.read_text() == "one\nstatus\ntwo\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    session = chat()
    session.press("up", "up", "up")
    session.wait_for("> one")
    session.press("down", "down")
    session.wait_for("> two")
    session.press("enter")
    session.wait_for("Assistant: two\n\n>")
    leave(session)
    assert file.read_text() == "one\nstatus\ntwo\n"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ('"""\nfirst\n\nquit\n"""\n', '"""\nfirst\n\nquit\n"""'),
        ('"""quit"""\n', '"""quit"""'),
        ('"""first\nlast"""\n', '"""first\nlast"""'),
    ],
)
def test_a_block_comes_back_whole_as_the_same_message(chat, server, file, typed, shown):
    session = chat()
    session.type(typed)
    session.wait_for("\n\n>", count=2)
    leave(session)
    session = chat()
    session.press("up")
    session.wait_for(f"> {shown}")
    session.press("enter")
    session.wait_for("\n\n>", count=2)
    first, second = server.chats
    assert first.last_message == second.last_message
    assert len(file.read_text().splitlines()) == 1


def test_a_paste_comes_back_whole_and_can_be_edited(chat, server):
    session = chat()
    session.paste("one\nquit\ntwo")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\ntwo\n\n>")
    leave(session)
    session = chat()
    session.press("up")
    session.wait_for("> one\nquit\ntwo")
    session.type("!")
    session.wait_for("two!")
    session.press("enter")
    session.wait_for("Assistant: one\nquit\ntwo!\n\n>")
    assert server.chats[-1].last_message == "one\nquit\ntwo!"


def test_a_paste_in_a_block_comes_back_as_the_same_message(chat, server):
    session = chat()
    session.type('"""\n')
    session.wait_for("...")
    session.paste('def f():\n    """Docs."""\n    pass')
    session.press("enter")
    session.type('"""\n')
    session.wait_for("pass\n\n>")
    session.press("up", "enter")
    session.wait_for("pass\n\n>", count=2)
    first, second = server.chats
    assert first.last_message == second.last_message == 'def f():\n    """Docs."""\n    pass'


def test_no_entry_twice_in_succession_and_none_that_begins_with_a_blank(chat, file):
    session = chat()
    say(session, "one", "one", " secret", "", "two", "one")
    assert file.read_text() == "one\ntwo\none\n"
    session.press("up", "up")
    session.wait_for(lambda session: screen(session).endswith("> two"))


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


def test_nothing_is_kept_if_that_is_asked_for(chat, file):
    session = chat(env={"KAITO_HISTORY": "off"})
    say(session, "one")
    session.press("up")
    session.wait_for(lambda session: screen(session).endswith("> one"))
    assert not file.exists()


def test_scripts_keep_none(start, file):
    session = start(stdin="pipe")
    session.send(b"one\n")
    session.close_stdin()
    assert session.wait_exit() == 0
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_told_once(chat, file):
    file.mkdir(parents=True)
    session = chat()
    say(session, "one", "two")
    assert screen(session).count("(cannot ") == 1
    assert f"(cannot read what was typed before: {file}: Is a directory)" in screen(session).replace("\n", "")


def test_a_secret_can_be_kept_out_of_a_message_s_history(chat, server, file):
    session = chat()
    say(session, " my password is x")
    assert server.chats[0].last_message == " my password is x"
    assert not file.exists()
    assert screen(session) == BANNER + ">  my password is x\nAssistant: my password is x\n\n>"


def test_the_word_search_of_the_line_editor(chat):
    session = chat()
    say(session, "find me", "other")
    session.press("ctrl-r")
    session.type("fin")
    session.wait_for("find me")
    session.press("enter")
    session.wait_for(at_prompt(4))
