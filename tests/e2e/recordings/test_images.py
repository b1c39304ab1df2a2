"""Images at a prompt."""

from kaito.testing import Say, replay
from kaito.types import ToolCall
from tests.images import png


def test_images(chat, server, tmp_path):
    (tmp_path / "my cat.png").write_bytes(png(640, 480))
    server.enqueue(Say("A cat"))
    replay(
        chat(cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/image 'my cat.png'»‹enter›
        [image: my cat.png, 640x480] is sent with the next message

        > «Not this»‹ctrl-c›
        > «What is it?»‹enter›
        Assistant: A cat

        > «/history»‹enter›
        > [image: my cat.png, 640x480]
        What is it?
        Assistant: A cat

        > «/undo»‹enter›
        Removed: [image: my cat.png, 640x480] What is it?

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
    [request] = server.chats
    assert [part["type"] for part in request.messages[0]["content"]] == ["image_url", "text"]


def test_calls_of_tools(chat, server, tmp_path):
    (tmp_path / "tools.json").write_text('[{"type": "function", "function": {"name": "add"}}]')
    server.enqueue(Say(tool_calls=[ToolCall("1", "add", '{"a": 1}')]))
    replay(
        chat("--tools", str(tmp_path / "tools.json")),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Add»‹enter›
        Assistant: [tool call] add({"a": 1})

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
