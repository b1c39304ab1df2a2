"""What is shown while an answer is waited for, and what is told of it afterwards."""

from kaito.testing import Gate, Raw, Say, Status, replay
from kaito.types import Usage


def test_a_wait_shows_a_status_that_is_cleared_before_the_answer(chat, server):
    first, second = Gate(), Gate()
    server.enqueue(Say(chunks=[first, "Hel", second, "lo"]))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        waiting for the model … s‹first›
        ↺Assistant: Hel‹second›lo

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        first=first.open,
        second=second.open,
    )


def test_connecting_is_explained(chat, server):
    gate = Gate()
    models = b'{"object": "list", "data": [{"id": "llama-2-7b", "object": "model"}]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(models)
    server.route("/v1/models", Raw([gate, head + models]))
    replay(
        chat(),
        """
        connecting to my-llama …‹open›
        ↺🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )


def test_a_busy_server_gets_another_request(chat, server):
    gate = Gate()
    server.enqueue(Status(429, retry_after=1), Status(503, retry_after=1), Say(chunks=[gate, "Hello"]))
    session = chat()
    replay(
        session,
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›‹retried›‹open›
        Assistant: Hello

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
        # It is on the screen for two seconds, which a busy machine may miss.
        retried=lambda: session.wait_for(lambda s: b" s: the server is busy: no endpoints" in s.raw),
    )


def test_reasoning_is_shown_separately_or_hidden(chat, server):
    gate = Gate()
    server.enqueue(
        Say("yes", reasoning="hm, well"), Say(chunks=[gate, "no"], reasoning="hm"), Say("yes", reasoning="hm")
    )
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Really?»‹enter›
        Thinking: hm, well
        Assistant: yes

        > «/set reasoning off»‹enter›
        reasoning: off

        > «Really?»‹enter›
        thinking …‹open›
        ↺Assistant: no

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )


def test_reasoning_can_be_hidden_from_the_start(chat, server):
    server.enqueue(Say("yes", reasoning="hm"))
    replay(
        chat("--no-reasoning"),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Really?»‹enter›
        Assistant: yes

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_statistics_of_each_answer(chat, server):
    server.window = 100
    server.enqueue(
        Say("one two three", usage=Usage(prompt_tokens=10, completion_tokens=3, cached_tokens=8), delay=0.01),
        Say("one"),
        Say("as a whole"),
    )
    replay(
        chat("--stats", columns=120),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Count»‹enter›
        Assistant: one two three
        (first token after …, … tokens/s, 10 prompt (8 cached) + 3 completion tokens, 13% of the window)

        > «/set stats off»‹enter›
        stats: off

        > «Count»‹enter›
        Assistant: one

        > «/set stats on»‹enter›
        stats: on

        > «/set stream off»‹enter›
        stream: off

        > «Count»‹enter›
        Assistant: as a whole
        (answered after …, … tokens/s, 7 prompt + 3 completion tokens, 10% of the window)

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
