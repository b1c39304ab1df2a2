"""`--continue` and `--resume` continue conversations of any terminal, and the shell's commands find them."""

import pytest
from msgspec.structs import replace

from kaito.chat.conversation_origin import fingerprint
from kaito.history.library import Library
from kaito.testing import replay
from kaito.types import Origin
from tests.controlplane.waiting import until
from tests.history.talks import ORIGIN, Clock, kept


@pytest.fixture
def folder(clean_environment):
    return clean_environment / ".local" / "state" / "kaito"


@pytest.fixture
def origin(server):
    """Return the origin of conversations with the server."""
    return Origin(
        workspace="my-llama",
        kind="workspace",
        server=fingerprint(server.url),
        label="my-llama",
        endpoint=server.url,
        backend="url",
        model="llama-2-7b",
    )


def test_continue_resumes_the_newest_conversation_of_the_target(shell, server, folder):
    replay(
        shell(columns=100),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «quit»‹enter›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama --continue»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        (continuing 1 turn of …, … ago: one)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama --continue -m three»‹enter›
        (continuing 2 turns of …, … ago: one)
        Assistant: three
        $ «KAITO_HISTORY=off kaito chat --workspace-name my-llama --continue || echo "it failed with $?"»‹enter›
        ❌ Error: --continue: KAITO_HISTORY=off keeps no conversations
        it failed with 2
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
    texts = [[message["content"] for message in chat.messages] for chat in server.chats]
    assert texts == [["one"], ["one", "one", "two"], ["one", "one", "two", "two", "three"]]
    [info] = Library(folder).find()
    assert (info.turns, info.source) == (3, "message")


def test_another_terminal_continues_too(start, folder):
    for turn, remark in (("one", ""), ("two", "(continuing 1 turn of …, … ago: one)\n        ")):
        replay(
            start(*(["--continue"] if remark else [])),
            f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        {remark}💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «{turn}»‹enter›
        Assistant: {turn}

        > «quit»‹enter›
        👋 Goodbye!
        """,
            code=0,
        )
    assert [info.turns for info in Library(folder).find()] == [2]


def test_clear_begins_a_conversation_and_the_earlier_one_can_be_resumed(chat, server, folder):
    expected = iter([1, 1, 2])

    def count():
        # The prompt waits only for a moment until the last turn is written.
        number = next(expected)
        until(lambda: len(Library(folder).find()) == number, f"there are {number} conversations")

    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > ‹count›«clear»‹enter›
        🗑️ Conversation history cleared

        > ‹count›«two»‹enter›
        Assistant: two

        > ‹count›«quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        count=count,
    )
    assert len(Library(folder).find()) == 2
    assert [len(chat.messages) for chat in server.chats] == [1, 1]


def test_what_is_elsewhere_is_named_to_paste(shell, folder, server):
    first = kept(folder, "one")
    second = kept(folder, "what\x1b[2J is it?", origin=replace(ORIGIN, namespace="team-b", context=None))
    replay(
        shell(columns=120),
        f"""
        $ «kaito chat --workspace-name my-llama --continue || echo "it failed with $?"»‹enter›
        ❌ Error: There is no conversation with my-llama ({server.url}) to continue
           Conversations with another server of this name can be continued there:
           my-llama (namespace team-b): what is it?
             kaito chat --resume {second}
           my-llama (namespace team-a, context prod): one
             kaito chat --resume {first}
        it failed with 3
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )


def test_resume_asks_which(start, folder, origin):
    clock = Clock()
    ids = [kept(folder, f"talk {number}", origin=origin, clock=clock) for number in (1, 2)]
    session = start("--resume", columns=80)
    session.wait_for("Number or ID (1 to 2): ")
    assert session.screen.splitlines()[0].split() == ["#", "ID", "AGE", "WITH", "TITLE"]
    session.type("2\n")
    session.wait_for("💬")
    assert f"(continuing 1 turn of {ids[0]}, " in session.transcript
    session.type("quit\n")
    assert session.wait_exit() == 0


def test_an_answer_that_names_no_conversation_is_asked_for_again(start, folder, origin):
    prompt = "Number or ID (1 to 1): "
    id = kept(folder, "talk", origin=origin)
    session = start("--resume", columns=80)
    answers = [
        ("", "Enter a number (1 to 1) or the ID of a conversation; Ctrl-D ends"),
        ("99", "Enter a number (1 to 1) or the ID of a conversation; Ctrl-D ends"),
        ("nope", "There is no conversation 'nope'; 'kaito history' lists them"),
    ]
    for number, (answer, remark) in enumerate(answers, 1):
        session.wait_for(prompt, count=number)
        session.type(f"{answer}\n")
        session.wait_for(f"{prompt}{answer}\n{remark}\n")
    session.wait_for(prompt, count=len(answers) + 1)
    session.type(f"{id[:3]}\n")
    session.wait_for("💬")
    session.type("quit\n")
    assert session.wait_exit() == 0


def test_nothing_is_chosen_at_the_end_of_the_input(start, folder, origin):
    kept(folder, "talk", origin=origin)
    session = start("--resume", columns=80)
    session.wait_for("Number or ID (1 to 1): ")
    session.press("ctrl-d")
    assert session.wait_exit() == 2
    assert "--resume: no conversation was chosen" in session.transcript


def test_a_history_that_cannot_be_used_is_reported_once(chat, clean_environment, folder):
    (clean_environment / ".local").write_text("a file")
    replay(
        chat(columns=250),
        f"""
        (cannot read the input history: {folder / "history"}: Not a directory)
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one
        (cannot keep conversations in {folder / "history.db"}: Not a directory; KAITO_HISTORY=off keeps nothing)

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
