"""Entering a message: a line, a block, a paste, and type-ahead."""

from kaito.testing import Gate, Say, replay


def test_line_editing(chat):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Helo»‹backspace›
        ↺> Hel«lo»‹home›‹type: Say ›
        ↺> Say Hello‹ctrl-k›
        ↺> Say«bye»
        ↺> Say bye‹enter›
        Assistant: Say bye

        > «nothing of this»‹ctrl-u›
        ↺>‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )


def test_a_block_is_one_message_and_is_recalled_complete(chat, server):
    replay(
        chat(),
        '''
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... «first»‹enter›
        ... «»‹enter›
        ... «quit»‹enter›
        ... «"""»‹enter›
        Assistant: first

        quit

        > ‹up›
        ↺> """
        first

        quit
        """‹enter›
        Assistant: first

        quit

        > «"""one line"""»‹enter›
        Assistant: one line

        > ‹ctrl-d›
        👋 Goodbye!
        ''',
        code=0,
    )
    assert [chat.last_message for chat in server.chats] == ["first\n\nquit", "first\n\nquit", "one line"]


def test_a_block_that_is_cancelled_or_not_closed(chat, server):
    replay(
        chat(),
        '''
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... «first»‹enter›
        ... ‹ctrl-c›
        > «"""»‹enter›
        ... «second»‹enter›
        ... ‹ctrl-d›
        ❌ Error: A block opened by """ is not closed

        > «Hi»‹enter›
        Assistant: Hi

        > «Ho»‹enter›
        Assistant: Ho

        > ‹ctrl-d›
        👋 Goodbye!
        ''',
        code=0,
    )
    assert [chat.last_message for chat in server.chats] == ["Hi", "Ho"]


def test_a_paste_is_one_message_and_can_be_edited_when_recalled(chat, server):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > ‹paste›«line 1
        quit
        line 3»‹enter›
        Assistant: line 1
        quit
        line 3

        > ‹up›
        ↺> line 1
        quit
        line 3«!»‹enter›
        Assistant: line 1
        quit
        line 3!

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert server.chats[-1].last_message == "line 1\nquit\nline 3!"


def test_type_ahead_appears_at_the_next_prompt(chat, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hel‹type: And you?›‹enter›‹type: hal›‹open›lo

        > And you?
        Assistant: And you?

        > hal«f»‹enter›
        Assistant: half

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )


def test_line_editing_works_when_stdout_is_a_pipe(chat, server):
    session = chat(stdout="pipe")
    replay(
        session,
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Helo»‹backspace›
        ↺> Hel«lo»‹enter›

        > ‹up›
        ↺> Hello‹enter›

        > ‹paste›«line 1
        line 2»‹enter›

        > «/tok»‹tab›ens‹enter›

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert session.out.decode().startswith("Assistant: Hello\nAssistant: Hello\nAssistant: line 1\nline 2\nTokens:\n")
    assert b"\x1b" not in session.out
    assert [request.last_message for request in server.chats] == ["Hello", "Hello", "line 1\nline 2"]
