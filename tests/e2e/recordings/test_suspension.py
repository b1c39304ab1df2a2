"""Ctrl-Z, and on in the foreground or the background."""

import subprocess
import termios

from kaito.testing import Gate, Say, replay


def test_ctrl_z_keeps_the_typed_text(shell, server):
    replay(
        shell(),
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «hello wor»‹ctrl-z›
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «stty -a | grep -c ' echo '»‹enter›
        1
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama
        > hello wor‹ctrl-z›
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama
        > hello wor‹paste›«l
        d»‹enter›
        Assistant: hello worl
        d

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
    )
    assert server.chats[0].last_message == "hello worl\nd"


def test_ctrl_z_in_a_block(shell):
    replay(
        shell(),
        '''
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «"""»‹enter›
        ... «first»‹enter›
        ... «sec»‹ctrl-z›
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama
        ... sec«ond»‹enter›
        ... «"""»‹enter›
        Assistant: first
        second

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        ''',
        code=0,
    )


def test_ctrl_z_suspends_an_answer_and_fg_continues_it(shell, server):
    first, second = Gate(), Gate()
    server.enqueue(Say(chunks=[first, "Hel", second, "lo"]))
    session = shell()
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        waiting for the model …‹ctrl-z›
        ↺
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama
        waiting for the model …‹first›
        ↺Assistant: Hel‹ctrl-z›
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «fg»‹enter›
        kaito chat --workspace-name my-llama‹unechoed›‹type: typed ahead›‹second›
        lo

        > typed ahead‹enter›
        Assistant: typed ahead

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
        first=first.open,
        unechoed=lambda: session.wait_for(lambda session: not session.modes[3] & termios.ECHO),
        second=second.open,
    )


def has_stopped_child(session):
    """Tell whether the shell's job is stopped, which it does not show before its next prompt."""
    processes = subprocess.run(["ps", "-A", "-o", "ppid=,stat="], capture_output=True, text=True, check=True)
    return any(line.split()[0] == str(session.pid) and "T" in line for line in processes.stdout.splitlines())


def test_bg_continues_an_answer_in_the_background(shell, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    session = shell()
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hel‹ctrl-z›
        [1]+  Stopped                 kaito chat --workspace-name my-llama
        $ «bg»‹enter›
        [1]+ kaito chat --workspace-name my-llama &
        $ ‹open›lo
        ‹stopped›«fg»‹enter›
        kaito chat --workspace-name my-llama

        > «More»‹enter›
        Assistant: More

        > «quit»‹enter›
        👋 Goodbye!
        $ «exit»‹enter›
        exit
        """,
        code=0,
        open=gate.open,
        stopped=lambda: session.wait_for(has_stopped_child),
    )
