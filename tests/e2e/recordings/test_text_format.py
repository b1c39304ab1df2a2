"""`-o text` at a prompt."""

from kaito.testing import Gate, Say, Status, kaito_command, replay


def test_text_at_a_prompt(terminal, model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["hel", gate, "lo"], reasoning="Hm"), Status(400, {"error": {"message": "no"}}))
    replay(
        terminal(kaito_command("chat", "--endpoint", model_server.url, "-o", "text")),
        """
        🤖 Connected to workspace: 127.0.0.1:… (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        hel‹open›lo

        > «status»‹enter›
        Configuration:
          Workspace: 127.0.0.1:…
          Model: test-model
          Temperature: 0.7
          Max tokens: 1024
          Top-p: 0.9
          System prompt: (none)

        > «Hi»‹enter›
        ❌ Model Error: no (HTTP 400)
           Change the message, or a setting ('/set' shows them)

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
        open=gate.open,
    )
