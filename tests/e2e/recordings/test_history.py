"""The input history, recalled with the up-arrow in this run and in later ones."""

import stat

import pytest

from kaito.testing import replay


@pytest.fixture
def file(clean_environment):
    return clean_environment / ".local" / "state" / "kaito" / "history"


def test_lines_are_recalled_in_this_run_and_the_next(shell, file):
    replay(
        shell(),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «two»‹enter›
        Assistant: two

        > ‹up›‹up›
        ↺> one«!»‹enter›
        Assistant: one!

        > ‹ctrl-d›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > ‹up›
        ↺> one!‹up›
        ↺> two‹up›
        ↺> one‹down›‹down›
        ↺> one!‹enter›
        Assistant: one!

        > ‹ctrl-d›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
    assert file.read_text() == "one\ntwo\none!\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_lines_with_a_leading_blank_and_repeated_lines_are_not_saved(chat, server, file):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «one»‹enter›
        Assistant: one

        > « my password is x»‹enter›
        Assistant: my password is x

        > ‹enter›
        > «  »‹enter›
        > «status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.7
          Max tokens: 1024
          Top-p: 0.9
          System prompt: (none)

        > ‹up›
        ↺> status‹up›
        ↺> one‹enter›
        Assistant: one

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
    assert [chat.last_message for chat in server.chats] == ["one", "one", " my password is x", "one"]
    assert file.read_text() == "one\nstatus\none\n"


def test_entries_of_several_lines_are_recalled_complete(shell, server, file):
    replay(
        shell(),
        '''
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... «first»‹enter›
        ... ‹enter›
        ... «quit»‹enter›
        ... «"""»‹enter›
        Assistant: first

        quit

        > «"""first»‹enter›
        ... «last"""»‹enter›
        Assistant: first
        last

        > «"""quit"""»‹enter›
        Assistant: quit

        > ‹paste›«one
        quit
        two»‹enter›
        Assistant: one
        quit
        two

        > ‹ctrl-d›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > ‹up›
        ↺> one
        quit
        two«!»‹enter›
        Assistant: one
        quit
        two!

        > ‹up›‹up›‹up›
        ↺> """quit"""‹enter›
        Assistant: quit

        > ‹up›‹up›‹up›‹up›‹up›
        ↺> """first
        last"""‹enter›
        Assistant: first
        last

        > ‹up›‹up›‹up›‹up›‹up›
        ↺> """quit"""‹up›
        ↺> """first
        last"""‹up›
        ↺↺> """
        first

        quit
        """‹enter›
        Assistant: first

        quit

        > ‹ctrl-d›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        ''',
        code=0,
    )
    messages = [chat.last_message for chat in server.chats]
    assert messages[:4] == ["first\n\nquit", "first\nlast", "quit", "one\nquit\ntwo"]
    assert messages[4:] == ["one\nquit\ntwo!", "quit", "first\nlast", "first\n\nquit"]
    assert len(file.read_text().splitlines()) == 8


def test_a_paste_within_a_block(chat, server):
    replay(
        chat(),
        '''
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... ‹paste›«def f():
            """Docs."""
            pass»‹enter›
        ... «"""»‹enter›
        Assistant: def f():
            """Docs."""
            pass

        > ‹up›
        ↺> def f():
            """Docs."""
            pass‹enter›
        Assistant: def f():
            """Docs."""
            pass

        > «quit»‹enter›
        👋 Goodbye!
        ''',
        code=0,
    )
    first, second = server.chats
    assert first.last_message == second.last_message == 'def f():\n    """Docs."""\n    pass'


def test_reverse_search(chat):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «find me»‹enter›
        Assistant: find me

        > «other»‹enter›
        Assistant: other

        > ‹ctrl-r›‹type: fin›
        ↺…: find me‹enter›
        ↺> find me
        Assistant: find me

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_nothing_is_saved_with_kaito_history_off(chat, file):
    replay(
        chat(env={"KAITO_HISTORY": "off"}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > ‹up›
        ↺> one‹enter›
        Assistant: one

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert not file.exists()


def test_an_unusable_history_file_is_reported_once(chat, file):
    file.mkdir(parents=True)
    replay(
        chat(columns=200),
        f"""
        (cannot read the input history: {file}: Is a directory)
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
