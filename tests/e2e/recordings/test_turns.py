"""Slash commands for turns and files: retry, undo, continue, save, load and read."""

from kaito.testing import Cut, Say, replay


def test_retry(chat, server):
    server.enqueue(Cut("Hel"), Say("Hello"), Say("Good day"))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/retry»‹enter›
        ❌ Error: There is no message to send again

        > «Hi»‹enter›
        Assistant: Hel
        ❌ Model Error: The stream ended early: the connection was lost
           What arrived is not part of the conversation; send the message again
             (/retry)

        > «/retry»‹enter›
        Assistant: Hello

        > «/retry»‹enter›
        Assistant: Good day

        > «/history»‹enter›
        > Hi
        Assistant: Good day

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_undo_and_history(chat, server):
    replay(
        chat("--system-prompt", "Be brief"),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: Be brief
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «two»‹enter›
        Assistant: two

        > «/history»‹enter›
        System prompt: Be brief

        > one
        Assistant: one

        > two
        Assistant: two

        > «/undo»‹enter›
        Removed: two

        > «/undo»‹enter›
        Removed: one

        > «/undo»‹enter›
        ❌ Error: There is no turn to undo

        > «/history»‹enter›
        System prompt: Be brief

        > «three»‹enter›
        Assistant: three

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert [message["content"] for message in server.chats[-1].messages] == ["Be brief", "three"]


def test_continue(chat, server):
    server.enqueue(Say("One, two,", finish_reason="length"), Say(" three."))
    replay(
        chat("--max-tokens", "2"),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/continue»‹enter›
        ❌ Error: No answer was cut
           /continue continues an answer that met the token limit or Ctrl-C

        > «Count»‹enter›
        Assistant: One, two,
        (cut by the token limit after 2 tokens; /continue continues, /set max-tokens
         raises the limit)

        > «/continue»‹enter›
        Assistant: three.

        > «/history»‹enter›
        > Count
        Assistant: One, two, three.

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_save_and_load(shell, server, tmp_path):
    (tmp_path / "notes.txt").write_text("my notes")
    replay(
        shell(cwd=tmp_path, columns=100),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/save talk.json»‹enter›
        ❌ Error: There is nothing to save

        > «one»‹enter›
        Assistant: one

        > «/save talk.json»‹enter›
        Saved 2 messages to talk.json

        > «two»‹enter›
        Assistant: two

        > «/save notes.txt»‹enter›
        ❌ Error: 'notes.txt' exists and is not replaced: not a conversation
           'notes.txt' is not a conversation: it is not JSON
           '/save --force FILE' replaces it

        > «/load talk.json»‹enter›
        Loaded 2 messages from talk.json

        > «three»‹enter›
        Assistant: three

        > «quit»‹enter›
        👋 Goodbye!
        $ «kaito chat --workspace-name my-llama --load talk.json»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        (continuing 1 turn)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/history»‹enter›
        > one
        Assistant: one

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
    assert [message["content"] for message in server.chats[-1].messages] == ["one", "one", "three"]


def test_read(chat, server, tmp_path):
    (tmp_path / "my log").write_text("line 1\nquit\n")
    replay(
        chat(cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/read "my log" What failed?»‹enter›
        (sending my log: 2 lines, 11 bytes)
        Assistant: line 1
        quit

        What failed?

        > «/read nothing.txt»‹enter›
        ❌ Error: Cannot read 'nothing.txt': No such file or directory

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert server.chats[0].last_message == "line 1\nquit\n\nWhat failed?"
