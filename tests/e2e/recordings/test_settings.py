"""Slash commands that change how answers are requested and shown."""

from kaito.testing import replay


def test_settings(chat, server):
    replay(
        chat("--temperature", "1"),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/set»‹enter›
          temperature        1.0
          max-tokens         1024
          top-p              0.9
          seed               (not sent)
          stop               (not sent)
          presence-penalty   (not sent)
          frequency-penalty  (not sent)
          top-k              (not sent)
          min-p              (not sent)
          think              auto
          schema             (not sent)
          stream             on
          trim               off
          reasoning          on
          stats              off
          format             plain

        > «/set temperature 0.2»‹enter›
        temperature: 0.2

        > «/set stop ["END", "\\n\\n"]»‹enter›
        stop: ["END","\\n\\n"]

        > «/set top_k 40»‹enter›
        top-k: 40

        > «/set temperature 3»‹enter›
        ❌ Error: temperature: '3' is not a number from 0.0 to 2.0

        > «/set temprature 1»‹enter›
        ❌ Error: Unknown setting 'temprature'
           Did you mean temperature?

        > «Hi»‹enter›
        Assistant: Hi

        > «/set temperature»‹enter›
          temperature        0.2

        > «/set temperature default»‹enter›
        temperature: 1.0

        > «/unset stop»‹enter›
        stop: (not sent)

        > «/unset»‹enter›
        ❌ Error: /unset: needs the name of a setting
           /set shows all settings

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    body = server.chats[0].body
    assert (body["temperature"], body["stop"], body["top_k"]) == (0.2, ["END", "\n\n"], 40)


def test_the_system_prompt(chat, server):
    replay(
        chat("--system-prompt", "Be brief"),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        🎯 System prompt: Be brief
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «one»‹enter›
        Assistant: one

        > «/system Be kind»‹enter›
        System prompt replaced

        > «two»‹enter›
        Assistant: two

        > «/system»‹enter›
        Be kind

        > «/system none»‹enter›
        System prompt removed

        > «/system»‹enter›
        (none)

        > «three»‹enter›
        Assistant: three

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert [[message["content"] for message in chat.messages] for chat in server.chats] == [
        ["Be brief", "one"],
        ["Be kind", "one", "one", "two"],
        ["one", "one", "two", "two", "three"],
    ]


def test_switching_the_model(chat, server):
    server.adapters, server.window = ["my-adapter"], 2048
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/model»‹enter›
        * llama-2-7b  2048 tokens
          my-adapter  2048 tokens, adapter of llama-2-7b

        > «/model my-adapter»‹enter›
        Model: my-adapter

        > «Hi»‹enter›
        Assistant: Hi

        > «/model my-adaptor»‹enter›
        The server does not list 'my-adaptor'; it is requested anyway
        Did you mean my-adapter?
        Model: my-adaptor

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert server.chats[0].body["model"] == "my-adapter"


def test_switching_the_format(chat, server):
    replay(
        chat(columns=250),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/format»‹enter›
          json
        * plain
          text

        > «/format json»‹enter›
        format: json

        > «Hi»‹enter›
        {"text": "Hi", …}

        > «/format markup»‹enter›
        ❌ Error: format: 'markup' is not one of json, plain, text

        > «/format plain»‹enter›
        format: plain

        > «Hi»‹enter›
        Assistant: Hi

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
