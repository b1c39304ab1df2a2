"""Errors on a terminal: what failed, and what to do."""

from kaito.testing import Cut, ErrorEvent, HtmlPage, Status, replay


def test_server_errors_do_not_end_the_session(chat, server):
    server.enqueue(
        Status(500, {"error": {"message": "boom"}}),
        Status(500),
        ErrorEvent("Hel"),
        Cut("Hel"),
        HtmlPage("Sign in"),
    )
    replay(
        chat(columns=100),
        f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        ❌ Model Error: boom (HTTP 500)
           The server's log may say more
           /retry sends the message again

        > «two»‹enter›
        ❌ Model Error: Internal server error (HTTP 500)
           The server's log may say more
           /retry sends the message again

        > «three»‹enter›
        Assistant: Hel
        ❌ Model Error: Internal server error
           What arrived is not part of the conversation; send the message again (/retry)

        > «four»‹enter›
        Assistant: Hel
        ❌ Model Error: The stream ended early: the connection was lost
           What arrived is not part of the conversation; send the message again (/retry)

        > «five»‹enter›
        ❌ Error: Unable to connect to workspace endpoint
           Endpoint: {server.url}/chat/completions
           Please check if the workspace is running and accessible
           The server at this address does not serve chat completions: Sign in (HTTP 200)
           Check the address; a proxy or a login page may answer there

        > «six»‹enter›
        Assistant: six

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert [message["content"] for message in server.chats[-1].messages] == ["six"]


def test_a_server_that_requires_an_api_key(chat, server):
    server.api_key = "secret"
    replay(
        chat(),
        """
        ❌ Error: The model's server requires an API key: Unauthorized (HTTP 401)
           Set KAITO_API_KEY, or pass a file that holds the key with --api-key-file
        """,
        code=5,
    )


def test_a_model_that_is_not_served(chat, server):
    replay(
        chat("--model", "other"),
        """
        🤖 Connected to workspace: my-llama (other)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        ❌ Error: The server has no model 'other': The model `other` does not exist.
           The server lists llama-2-7b
           '/model NAME' selects one

        > «/model llama-2-7b»‹enter›
        Model: llama-2-7b

        > «/retry»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_a_setting_that_the_server_rejects(chat, server):
    server.enqueue(Status(400, {"error": {"message": "top_k: Extra inputs are not permitted"}}))
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/set top-k 40»‹enter›
        top-k: 40

        > «Hi»‹enter›
        ❌ Model Error: top_k: Extra inputs are not permitted (HTTP 400)
           '/set top-k default' leaves the choice to the server

        > «/unset top-k»‹enter›
        top-k: (not sent)

        > «/retry»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_invalid_flags(shell):
    replay(
        shell(columns=120),
        """
        $ «kaito chat --workspace-name my-llama --temperature 3»‹enter›
        ❌ Error: --temperature: '3' is not a number from 0.0 to 2.0
        $ «kaito chat --workspace-name my-llama --temprature 1»‹enter›
        ❌ Error: Unknown flag '--temprature'
           Did you mean --temperature?
           See 'kaito chat --help'
        $ «exit»‹enter›
        exit
        """,
        code=2,
    )
