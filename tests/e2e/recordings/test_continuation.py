"""`--continue` resumes the last conversation of a terminal."""

import pytest

from kaito.testing import replay


@pytest.fixture
def folder(clean_environment):
    return clean_environment / ".local" / "state" / "kaito" / "conversations"


def test_continue_resumes_the_conversation_of_the_terminal(shell, server, folder):
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
        (continuing 1 turn)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama --continue -m three»‹enter›
        (continuing 2 turns)
        Assistant: three
        $ «KAITO_HISTORY=off kaito chat --workspace-name my-llama --continue || echo "it failed with $?"»‹enter›
        ❌ Error: --continue: needs a terminal with a saved conversation (KAITO_HISTORY=off saves none)
        it failed with 2
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
    texts = [[message["content"] for message in chat.messages] for chat in server.chats]
    assert texts == [["one"], ["one", "one", "two"], ["one", "one", "two", "two", "three"]]
    [file] = folder.iterdir()
    assert file.read_text().count('"role"') == 6


def test_clear_deletes_the_saved_conversation(chat, folder):
    counts = []
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

        > ‹count›«quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        count=lambda: counts.append(len(list(folder.iterdir()))),
    )
    assert counts == [1, 0]


def test_a_conversation_that_cannot_be_saved_is_reported_once(chat, clean_environment, folder):
    (clean_environment / ".local").write_text("a file")
    replay(
        chat(columns=250),
        f"""
        (cannot read the input history: {folder.with_name("history")}: Not a directory)
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one
        (cannot save the conversation in {folder}: Not a directory; KAITO_HISTORY=off saves nothing)

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
