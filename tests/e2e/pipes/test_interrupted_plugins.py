"""Signals that come while a plugin's own code runs."""

import pytest

from kaito.testing import Say
from tests.e2e.pipes.formatter import FORMATTER


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_an_answer_is_drawn_waits_for_its_end(chat, plugin, model_server, name, code):
    model_server.enqueue(Say("one"), Say("two"))
    source = FORMATTER.format(
        init="pass",
        feed="return delta.content",
        finish=f"import os, signal; os.kill(os.getpid(), signal.{name}); return '.\\n'",
    )
    outcome = chat("--plugin", plugin(source), "-o", "odd", stdin="first\nsecond\n")
    assert (outcome.code, outcome.out, outcome.err) == (code, "one.\n", "")


def test_ctrl_c_in_a_command_ends_a_script_after_it(chat, plugin):
    source = """
import os, signal
from kaito import hookimpl
from kaito.types import SlashCommand

def press(arguments, shell):
    os.kill(os.getpid(), signal.SIGINT)
    shell.write("pressed\\n")

@hookimpl
def kaito_slash_commands():
    return [SlashCommand(name="press", run=press)]
"""
    outcome = chat("--plugin", plugin(source), stdin="/press\nstatus\n/press\n")
    assert (outcome.code, outcome.out, outcome.err) == (130, "pressed\n", "")
