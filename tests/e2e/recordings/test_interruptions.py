"""Ctrl-C, Ctrl-D, another window size and the end of the process, as a person sees them."""

import os
import signal

from kaito.testing import Gate, Hang, Say, Status, replay


def test_ctrl_c_clears_the_line_and_hints_once_how_to_exit(chat, server):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «half a mess»‹ctrl-c›
        > ‹ctrl-c›
        (Ctrl-D or 'quit' exits)

        > ‹ctrl-c›
        > «whole»‹enter›
        Assistant: whole

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
    assert [chat.last_message for chat in server.chats] == ["whole"]


def test_ctrl_c_before_the_first_word_withdraws_the_message(chat, server):
    server.strict_roles = True
    server.enqueue(Hang(), Say("Here"))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        waiting for the model …‹ctrl-c›‹gone›
        ↺(stopped; the conversation is unchanged)

        > «Again»‹enter›
        Assistant: Here

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        gone=server.wait_for_disconnect,
    )
    assert [message["content"] for message in server.chats[-1].messages] == ["Again"]


def test_ctrl_c_stops_an_answer_and_keeps_the_part_that_arrived(chat, server):
    server.strict_roles = True
    server.enqueue(Say(chunks=["Hel", Gate(), "lo"]), Say("Go on"), Hang("Well"), Say(", then"))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hel‹ctrl-c›‹gone›
        (stopped)

        > «And?»‹enter›
        Assistant: Go on

        > «Do»‹enter›
        Assistant: Well‹ctrl-c›‹gone›
        (stopped)

        > «/continue»‹enter›
        Assistant: , then

        > «/history»‹enter›
        > Hi
        Assistant: Hel

        > And?
        Assistant: Go on

        > Do
        Assistant: Well, then

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        gone=server.wait_for_disconnect,
    )


def test_ctrl_c_while_a_retry_waits(chat, server):
    server.enqueue(Status(503, retry_after=30))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        retrying in … s: …‹ctrl-c›
        ↺(stopped; the conversation is unchanged)

        > «/retry»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_ctrl_c_while_connecting_ends_it(chat, server):
    server.route("/v1/models", Hang())
    replay(chat(), "connecting to my-llama …‹ctrl-c›\n↺", code=130)


def test_ctrl_d_ends_an_empty_line_only(chat, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «half a li»‹ctrl-d›«ne»‹enter›
        Assistant: Hel‹ctrl-d›‹open›lo

        >
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )


def test_ctrl_d_in_a_block_leaves_pastes_whole(chat, server):
    replay(
        chat(),
        '''
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... «first»‹enter›
        ... ‹ctrl-d›
        ❌ Error: A block opened by """ is not closed

        > ‹paste›«one
        quit
        two»‹enter›
        Assistant: one
        quit
        two

        > ‹ctrl-c›
        (Ctrl-D or 'quit' exits)

        > ‹up›‹up›
        ↺> """
        first‹enter›
        ... «"""»‹enter›
        Assistant: first

        > ‹ctrl-d›
        👋 Goodbye!
        ''',
        code=0,
    )
    assert [chat.last_message for chat in server.chats] == ["one\nquit\ntwo", "first"]


def test_a_wider_window(chat, server):
    gate = Gate()
    server.enqueue(
        Say(chunks=["a narrow window has lines that end early", gate, ", and a wide one has lines that do not"])
    )
    replay(
        chat(columns=40),
        """
        🤖 Connected to workspace: my-llama (lla
        ma-2-7b)
        💬 Type your message (or 'quit' to exit)
        :
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: a narrow window has lines tha
        t end early‹resize: 100x24›‹open›, and a wide one has lines that do not

        > «a line that would have taken two of the lines that were there before»‹enter›
        Assistant: a line that would have taken two of the lines that were there before

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )


def test_sigterm_at_the_prompt(chat):
    session = chat()
    replay(
        session,
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «half a li»‹sigterm›
        """,
        code=143,
        sigterm=lambda: os.kill(session.pid, signal.SIGTERM),
    )
