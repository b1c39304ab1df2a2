"""Plugins at a prompt: a command, a formatter, and a failure."""

from kaito.testing import replay

LOUD = '''
from kaito import hookimpl
from kaito.types import SlashCommand


class Loud:
    """Shouts."""

    name = "loud"
    raw = False

    def __init__(self, screen): ...

    def feed(self, delta):
        return delta.content.upper()

    def finish(self, reply):
        return "!\\n"


def shout(arguments, shell):
    """Send a message in capitals

    As if the key were stuck.
    """
    shell.ask(arguments.upper())


def fall(arguments, shell):
    """Fall over"""
    raise RuntimeError("over")


@hookimpl
def kaito_formatters():
    return [Loud]


@hookimpl
def kaito_slash_commands():
    return [SlashCommand(name="shout", run=shout, arguments="TEXT"), SlashCommand(name="fall", run=fall)]
'''


def test_a_command_and_a_formatter(chat, tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    replay(
        chat("--plugin", "./loud.py", cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):

        > «/help shout»‹enter›
        /shout TEXT

        Send a message in capitals

        As if the key were stuck.

        From plugin 'loud' (./loud.py).

        > «/sho»‹tab›
        ↺> /shout «hello»‹enter›
        Assistant: HELLO

        > «/format loud»‹enter›
        format: loud

        > «hello»‹enter›
        HELLO!

        > «/fall»‹enter›
        ❌ Error: Plugin 'loud' (./loud.py) failed in /fall: RuntimeError: over

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
