"""`-o text`: the answers alone, for a shell's variables."""

import shlex
import subprocess

import pytest

from kaito.testing import Cut, Say, Status, child_environment, kaito_command
from kaito.types import ToolCall
from tests.e2e.pipes.contract import HELP


def test_the_answer_alone(chat, model_server):
    model_server.enqueue(Say("\n Paris \n\n", reasoning="Hm"))
    outcome = chat("-o", "text", "-m", "Capital?")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Paris \n", "")


def test_answers_follow_each_other_with_one_newline_each(chat, model_server):
    model_server.enqueue(Say("one\n\ntwo"), Say("three\n"))
    outcome = chat("-o", "text", stdin="a\nhelp\nclear\nb\n")
    assert outcome.out == "one\n\ntwo\nthree\n"
    # Not in the shell's variable: what commands print.
    assert outcome.err == HELP + "🗑️ Conversation history cleared\n"


def test_it_is_sanitized(chat, model_server):
    model_server.enqueue(Say(chunks=["a\x1b[3", "1mb\x9b1m\u202e", "c"]))
    assert chat("-o", "text", "-m", "x").out == "abc\n"


def test_calls_of_tools_are_shown(chat, model_server, tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text('[{"type": "function", "function": {"name": "add"}}]')
    model_server.enqueue(Say("", tool_calls=[ToolCall("1", "add", "{}")]))
    assert chat("-o", "text", "--tools", str(tools), "-m", "x").out == "[tool call] add({})\n"


@pytest.mark.parametrize(("reply", "out"), [(Cut("hal"), "hal\n"), (Status(400), ""), (Say(""), "")])
def test_errors_are_the_same_as_with_plain(chat, model_server, reply, out):
    model_server.enqueue(reply, reply)
    text, plain = chat("-o", "text", "-m", "x"), chat("-m", "x")
    assert (text.code, text.out) == (1, out)
    assert (text.code, text.err) == (plain.code, plain.err)


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_an_answer_in_a_variable(model_server, shell):
    model_server.enqueue(Say("two words\nand a line\n"))
    command = shlex.join(kaito_command("chat", "--endpoint", model_server.url, "-o", "text", "-m", "x"))
    script = f'a=$({command}) && printf "[%s]" "$a"'
    done = subprocess.run([shell, "-c", script], env=child_environment(), stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.stdout, done.stderr) == (b"[two words\nand a line]", b"")
