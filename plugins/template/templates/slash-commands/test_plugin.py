"""The commands in a script and at a prompt."""

from kaito.testing import Say, kaito_command, replay


def test_a_script(kaito, model_server):
    model_server.enqueue(Say("Hello you"))
    script = "/{{ cookiecutter.name }} Who am I?\n/{{ cookiecutter.name }}-size\n"
    outcome = kaito("chat", "--endpoint", model_server.url, stdin=script)
    assert (outcome.code, outcome.out) == (0, "Assistant: Hello you\n9 words\n")
    assert model_server.chats[-1].last_message == "Who am I?\n\nAnswer in one sentence."


def test_a_prompt(terminal, model_server):
    replay(
        terminal(kaito_command("chat", "--endpoint", model_server.url)),
        """
        🤖 Connected to workspace: 127.0.0.1:… (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/{{ cookiecutter.name }}-size»‹enter›
        0 words

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
