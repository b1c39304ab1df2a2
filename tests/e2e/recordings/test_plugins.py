"""Plugins at a prompt: a command, a formatter, and a failure."""

from kaito.testing import replay

LOUD = '''
from kaito import hookimpl
from kaito.types import SlashCommand


class Loud:
    """Shouts."""

    name = "loud"

    def __init__(self, screen, settings): ...

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
        (host 127.0.0.1:…, backend url)

        > «/help shout»‹enter›
        /shout TEXT

        Send a message in capitals

        As if the key were stuck.

        From plugin 'loud' (./loud.py).

        > «/sho»‹tab›
        ↺> /shout «hello»‹enter›
        > HELLO
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


FRAMED = """
from kaito import Formatter, hookimpl


class Framed(Formatter):
    name = "framed"
    exclusive_stdout = True

    def begin_session(self):
        return "[\\n"

    def feed(self, delta):
        if delta.content == "odd":
            raise ValueError("odd")
        return delta.content

    def finish(self, reply):
        return ",\\n"

    def end_session(self):
        return "]\\n"


@hookimpl
def kaito_formatters():
    return [Framed]
"""


def test_a_formatter_with_a_frame(chat, tmp_path):
    (tmp_path / "framed.py").write_text(FRAMED)
    replay(
        chat("--plugin", "./framed.py", "-o", "framed", cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «hello»‹enter›
        [
        hello,

        > «again»‹enter›
        again,

        > «quit»‹enter›
        👋 Goodbye!
        ]
        """,
        code=0,
    )


def test_a_formatter_that_fails_in_the_output_of_a_program(chat, tmp_path):
    (tmp_path / "framed.py").write_text(FRAMED)
    replay(
        chat("--plugin", "./framed.py", "-o", "framed", cwd=tmp_path),
        """
        🤖 Connected to workspace: my-llama (llama-2-7b)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «odd»‹enter›
        [
        ❌ Error: Plugin 'framed' (./framed.py) failed in feed: ValueError: odd

        > «hello»‹enter›
        ❌ Error: Formatter 'framed' failed before, and is not used again
           /format NAME selects another one, /format framed tries it again

        > «/format framed»‹enter›
        format: framed

        > «hello»‹enter›
        [
        hello,

        > «quit»‹enter›
        👋 Goodbye!
        ]
        """,
        code=1,
    )
