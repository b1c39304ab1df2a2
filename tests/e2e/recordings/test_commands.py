"""Slash commands that show something, and what counts as a command."""

import pytest

from kaito.testing import replay


def test_help(chat):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/help»‹enter›
        'quit' (or 'exit'), 'clear', 'help' and 'status' need no slash when they are
        the whole line. Anything else is sent to the model, unless it begins with '/'.

          \"""     begins and ends a message of several lines; pasted text needs none
          //      begins a message that starts with '/'
          Ctrl-C  stops an answer, or clears the line
          Ctrl-D  exits

        Commands ('/help NAME' shows more about one):
          /branch [TITLE]      Continue a copy of this conversation
          /clear               Clear the conversation history; the system prompt stays
          /continue            Continue an answer that was cut
          /copy [code [N]]     Copy the last answer, or its code, to the clipboard
          /edit [TEXT]         Write a message in your editor: VISUAL, EDITOR, or vi
          /exit                Exit the chat session
          /export FILE         Write the conversation for people: Markdown or HTML
          /format [NAME]       Show the output formats, or switch to one
          /help [NAME]         Show all commands, including plugins', or help on one
          /history [WORDS]     Show the conversation, or the turns with these words
          /image FILE [TEXT]   Send an image: PNG, JPEG, GIF or WebP
          /load FILE           Load a conversation from a file and continue it
          /model [NAME]        Show the models and adapters, or switch to one
          /quit                Exit the chat session
          /read FILE [TEXT]    Send a text file as a message, or before one
          /resume ID           Continue a past conversation
          /retry               Send the last message again
          /save FILE           Save the conversation to a file
          /sessions [WORDS]    List past conversations, or those with these words
          /set [NAME [VALUE]]  Show the settings, or change one
          /status              Show the configuration, the endpoint and the tokens
          /system [TEXT]       Show the system prompt, or replace it
          /title [TEXT]        Show the conversation's title, or change it
          /tokens              Show the conversation's tokens, by the server's count
          /undo                Remove the last turn: your message and the answer
          /unset NAME          Restore a setting's value from the start

        > «/help edit»‹enter›
        /edit [TEXT]

        Write a message in your editor: VISUAL, EDITOR, or vi

        The editor opens with TEXT, or with the last message. What you save is shown
        and sent as one message. Nothing is sent when you save nothing or an empty
        file, or when the editor fails, as vi does with ':cq'.

        Works at a prompt and in --script FILE, not from a pipe.

        > «/help sytem»‹enter›
        ❌ Error: Unknown command '/sytem'
           Did you mean /system?

        > «/quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_status(chat, server):
    server.window = 40
    replay(
        chat(),
        f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.7
          Max tokens: 1024
          Top-p: 0.9
          System prompt: (none)
          Host: {server.url.removeprefix("http://")}
          Endpoint: {server.url}/chat/completions
          Backend: url
          Window: 40 tokens
          Turns: 0

        > «Hello to you»‹enter›
        Assistant: Hello to you

        > «/set seed 7»‹enter›
        seed: 7

        > «/status»‹enter›
        Configuration:
          Workspace: my-llama
          Model: llama-2-7b
          Temperature: 0.7
          Max tokens: 1024
          Top-p: 0.9
          System prompt: (none)
          Host: {server.url.removeprefix("http://")}
          Endpoint: {server.url}/chat/completions
          Backend: url
          Window: 40 tokens
          Turns: 1
          Last turn: 3 prompt + 3 completion tokens, 15% of the window
          Settings: seed 7

        > «/exit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize(("tokenize", "source"), [(True, ""), (False, ", by the last turn's count")])
def test_tokens(chat, server, tokenize, source):
    server.window, server.tokenize = 20, tokenize
    replay(
        chat(),
        f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi there»‹enter›
        Assistant: Hi there

        > «/tokens»‹enter›
        Tokens:
          Last turn: 2 prompt + 2 completion tokens
          Conversation: 4 tokens, 20% of the window{source}
          Window: 20 tokens

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_commands_and_messages_that_look_alike(chat, server):
    replay(
        chat(),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/histroy»‹enter›
        ❌ Error: Unknown command '/histroy'
           Did you mean /history?
           To send it as a message, write //histroy

        > «//histroy»‹enter›
        Assistant: /histroy

        > «/etc/hosts is empty»‹enter›
        Assistant: /etc/hosts is empty

        > «help me write a poem»‹enter›
        Assistant: help me write a poem

        > «quit smoking?»‹enter›
        Assistant: quit smoking?

        > «?»‹enter›
        Assistant: ?

        > «!ls»‹enter›
        Assistant: !ls

        > « QUIT »‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
