"""Terminals that are narrow or can do little, and what of a chat does not go to them."""

import re

from kaito.testing import Gate, Say, Status, replay


def test_forty_columns(chat, server):
    gate = Gate()
    server.enqueue(
        Status(503, retry_after=1),
        Say(chunks=[gate, "in so narrow a window an answer's lines end where the window does"]),
        Say("remarks end between words", finish_reason="length"),
    )
    session = chat(columns=40)
    replay(
        session,
        """
        🤖 Connected to workspace: my-llama (lla
        ma-2-7b)
        💬 Type your message (or 'quit' to exit)
        :
        (host 127.0.0.1:…, backend url)

        > «a message that is longer than what is »
        «left of the line»‹enter›‹retried›‹open›
        Assistant: in so narrow a window an answ
        er's lines end where the window does

        > «And»‹enter›
        Assistant: remarks end between words
        (cut by the token limit after 4 tokens;
         /continue continues, /set max-tokens
         raises the limit)

        > ‹up›‹up›
        ↺> a message that is longer than what is
        left of the line‹home›‹type: Say: ›
        ↺↺> Say: a message that is longer than wha
        t is left of the line‹ctrl-c›
        > «/undoo»‹enter›
        ❌ Error: Unknown command '/undoo'
           Did you mean /undo?
           To send it as a message, write
             //undoo

        > «/title a title that does not fit in a »
        «window»‹enter›
        Title: a title that does not fit in a
          window

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        # It is on the screen for a second, which a busy machine may miss; the end of it does not fit.
        retried=lambda: session.wait_for(lambda s: re.search(rb"retrying in \d s: the server is busy: \r", s.raw)),
        open=gate.open,
    )


def test_a_dumb_terminal(chat, server):
    gate = Gate()
    server.enqueue(
        Status(500, {"error": {"message": "boom"}}),
        Status(503, retry_after=1),
        Say(chunks=[gate, "yes"], reasoning="hm"),
    )
    session = chat("--system-prompt", "Be brief", env={"TERM": "dumb", "COLORTERM": "truecolor"}, columns=120)
    replay(
        session,
        """
        Connected to workspace: my-llama (llama-2-7b)
        System prompt: Be brief
        Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «fails»‹enter›
        Model Error: boom (HTTP 500)
           The server's log may say more
           /retry sends the message again

        > «waits»‹enter›
        retrying in 1 s: …
        Thinking: hm‹open›
        Assistant: yes

        > «clear»‹enter›
        Conversation history cleared

        > «help»‹enter›
        Available commands:
          quit/exit - Exit chat session
          clear     - Clear conversation history
          help      - Show this help
          status    - Show current configuration
        (/help shows more)

        > «/und»‹tab›
        ↺> /undo‹ctrl-c›
        > «quit»‹enter›
        Goodbye!
        """,
        code=0,
        open=gate.open,
    )
    assert b"\x1b" not in session.raw
    assert session.raw.isascii()


def test_with_stdout_in_a_file_the_prompt_is_on_stderr(shell, server, tmp_path):
    replay(
        shell(cwd=tmp_path),
        """
        $ «kaito chat --workspace-name my-llama > answers»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›

        > «status»‹enter›

        > «clear»‹enter›
        🗑️ Conversation history cleared

        > ‹ctrl-d›
        👋 Goodbye!
        $ «head -n 3 answers»‹enter›
        Assistant: Hi
        Configuration:
          Workspace: my-llama
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )


def test_a_model_does_not_drive_the_terminal(chat, server):
    server.model = "evil\x1b[2Jmodel"
    server.enqueue(Say(chunks=["a\x1b[2", "Jb\x1b]0;tit", "le\x07c\x1b[?1049h\x9b2Jd"]))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (evilmodel)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: abcd

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_an_endpoint_s_host_stands_for_a_workspace_that_was_not_named(shell, server):
    server.list_models = False
    replay(
        shell(),
        f"""
        $ «kaito chat»‹enter›
        🤖 Connected to workspace: {server.url.removeprefix("http://")} (unknown model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
