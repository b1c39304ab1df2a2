"""`/edit` opens the user's editor."""

import sys

import pytest

from kaito.testing import replay
from tests.e2e.terminals.seen import BANNER, editor


def test_edit_opens_the_last_message_or_a_draft(chat, tmp_path):
    change = "file.write_text(file.read_text().replace('world', 'moon') + '\\nquit\\n\\n')"
    replay(
        chat(env={"EDITOR": editor(tmp_path, change)}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «hello world»‹enter›
        Assistant: hello world

        > «/edit»‹enter›
        > hello moon

        quit
        Assistant: hello moon

        quit

        > «/edit a draft of the world»‹enter›
        > a draft of the moon

        quit
        Assistant: a draft of the moon

        quit

        > ‹up›
        ↺> a draft of the moon

        quit‹enter›
        Assistant: a draft of the moon

        quit

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_visual_takes_precedence_over_editor(chat, tmp_path):
    command = editor(tmp_path, "file.write_text('[' + file.read_text().strip() + ']')")
    replay(
        chat(env={"VISUAL": command, "EDITOR": "false"}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit first draft»‹enter›
        > [first draft]
        Assistant: [first draft]

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize("code", ["pass", "file.write_text(' \\n')"])
def test_empty_text_is_not_sent(chat, server, tmp_path, code):
    replay(
        chat(env={"EDITOR": editor(tmp_path, code)}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        Nothing was sent: no text was saved

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert server.chats == []


@pytest.mark.parametrize(("code", "sends"), [("pass", False), ("file.write_text(file.read_text())", True)])
def test_the_last_message_is_sent_again_only_if_it_was_saved(chat, tmp_path, code, sends):
    result = "> hello\n        Assistant: hello" if sends else "Nothing was sent: no text was saved"
    replay(
        chat(env={"EDITOR": editor(tmp_path, code)}),
        f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «hello»‹enter›
        Assistant: hello

        > «/edit»‹enter›
        {result}

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "file.write_text('x'); sys.exit(3)",
            f"The editor '{sys.executable}' failed with exit code 3; nothing was sent\n"
            "   VISUAL or EDITOR names the editor, with its arguments",
        ),
        ("file.unlink()", f"Cannot read the file that the editor '{sys.executable}' saved: No such file or directory"),
    ],
)
def test_nothing_is_sent_when_the_editor_fails(chat, server, tmp_path, code, message):
    replay(
        chat(env={"EDITOR": editor(tmp_path, code)}, columns=240),
        f"{BANNER}> «/edit»‹enter›\n❌ Error: {message}\n\n> «quit»‹enter›\n👋 Goodbye!",
        code=0,
    )
    assert server.chats == []


def test_an_editor_that_cannot_be_run(shell):
    replay(
        shell(env={"EDITOR": "/nowhere/editor"}),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        ❌ Error: Cannot run the editor '/nowhere/editor': No such file or directory
           VISUAL or EDITOR names the editor, with its arguments

        > «quit»‹enter›
        👋 Goodbye!
        $ «EDITOR="'unclosed" kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        ❌ Error: EDITOR: ''unclosed' is not a valid command: No closing quotation

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )


def test_the_terminal_s_settings_are_restored_after_the_editor(chat, tmp_path):
    replay(
        chat(env={"EDITOR": editor(tmp_path, "import tty; tty.setraw(0); file.write_text('x')")}),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        > x
        Assistant: x

        > «next»‹enter›
        Assistant: next

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )


def test_the_editor_runs_on_the_terminal_when_stdout_is_a_file(shell, tmp_path):
    command = editor(tmp_path, "print('on screen' if sys.stdout.isatty() else 'lost'); file.write_text('x')")
    replay(
        shell(env={"EDITOR": command}, cwd=tmp_path),
        """
        $ «kaito chat --workspace-name my-llama > answers»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        on screen
        > x

        > ‹ctrl-d›
        👋 Goodbye!
        $ «cat answers»‹enter›
        Assistant: x
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )


def test_ctrl_c_goes_to_the_editor(chat, server, tmp_path):
    code = "signal.signal(signal.SIGINT, signal.SIG_DFL); print('editing', end='', flush=True); signal.pause()"
    replay(
        chat(env={"EDITOR": editor(tmp_path, code)}, columns=240),
        f"""
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit»‹enter›
        editing‹ctrl-c›^C❌ Error: The editor '{sys.executable}' was ended by signal 2; nothing was sent
           VISUAL or EDITOR names the editor, with its arguments

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    assert server.chats == []


def test_ctrl_z_suspends_the_editor_and_the_chat(shell, tmp_path):
    # It reads when it goes on: a program that reads when Ctrl-Z comes may still take what is then typed to the shell.
    code = (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT]); "
        "print('editing', end='', flush=True); signal.sigwait([signal.SIGCONT]); file.write_text(input())"
    )
    replay(
        shell(env={"EDITOR": editor(tmp_path, code)}),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/edit Hello»‹enter›
        editing‹ctrl-z›^Z
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «stty -a | grep -c ' echo '»‹enter›
        1
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama
        «x»‹enter›
        > x
        Assistant: x

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
