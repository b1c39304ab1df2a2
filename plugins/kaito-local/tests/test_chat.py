"""The command line with a real model: at a prompt, through a pipe, with one message."""

import json
import re

import pytest

from kaito.testing import TerminalSession, kaito_command, run_kaito

CHAT = ["chat", "--backend", "local", "--temperature", "0", "--max-tokens", "24"]
#: Seconds. A model on a busy machine is slow.
TIMEOUT = 240


@pytest.fixture(autouse=True)
def load_only_this_plugin(monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "local")


def test_a_conversation_at_a_prompt(cached):
    with TerminalSession(kaito_command(*CHAT)) as session:
        session.wait_for("🤖 Connected to workspace: local (SmolLM2-135M-Instruct)", timeout=TIMEOUT)
        session.wait_for("\n>", timeout=TIMEOUT)
        session.type("Say hello.\n")
        session.wait_for("Assistant: ", timeout=TIMEOUT)
        session.wait_for(lambda session: session.transcript.count("\n>") == 2, timeout=TIMEOUT)
        session.type("Again, please.\n")
        session.wait_for(lambda session: session.transcript.count("\n>") == 3, timeout=TIMEOUT)
        session.type("quit\n")
        assert session.wait_exit() == 0
        assert session.transcript.endswith("> quit\n👋 Goodbye!")
        assert session.transcript.count("Assistant: ") == 2


def test_ctrl_c_stops_a_long_answer_and_the_chat_continues(cached):
    with TerminalSession(kaito_command("chat", "--backend", "local")) as session:
        session.wait_for("\n>", timeout=TIMEOUT)
        session.type("Write a very long story about the sea.\n")
        session.wait_for("Assistant: ", timeout=TIMEOUT)
        session.press("ctrl-c")
        session.wait_for(lambda session: session.transcript.count("\n>") == 2, timeout=TIMEOUT)
        session.type("clear\n")
        session.wait_for("Conversation history cleared")
        session.type("Say hello.\n")
        session.wait_for("Assistant: ", count=2, timeout=TIMEOUT)
        session.press("ctrl-c")
        session.wait_for(lambda session: session.transcript.count("\n>") == 4, timeout=TIMEOUT)
        session.press("ctrl-d")
        assert session.wait_exit() == 0


def test_a_pipe(cached):
    outcome = run_kaito(*CHAT, stdin="What is AI?\nstatus\n", timeout=TIMEOUT)
    assert outcome.code == 0
    assert outcome.out.startswith("Assistant: ")
    assert "  Workspace: local\n  Model: SmolLM2-135M-Instruct\n" in outcome.out


def test_one_message_as_json(cached):
    outcome = run_kaito(*CHAT, "-o", "json", "-m", "Say hello.", timeout=TIMEOUT)
    answer = json.loads(outcome.out)
    assert answer["text"]
    assert answer["model"] == "SmolLM2-135M-Instruct"
    assert answer["usage"]["completion_tokens"] <= 24
    assert answer["finish_reason"] in ("stop", "length")


def test_a_prompt_that_exceeds_the_window(cached):
    outcome = run_kaito(*CHAT, "-m", "word " * 9000, timeout=TIMEOUT)
    assert (outcome.code, outcome.out) == (1, "")
    # The engine's own text is a part of the prompt, too.
    assert re.match(
        r"❌ Model Error: Input too long \(9\d{3} tokens > 8192 max\)\n"
        r"   Try reducing your message length or increasing --max-tokens\n",
        outcome.err,
    )


def test_kaito_plugins_lists_the_plugin():
    rows = json.loads(run_kaito("plugins", "-o", "json").out)
    assert next(row for row in rows if row["name"] == "local") == {
        "name": "local",
        "distribution": "kaito-local",
        "version": "0.1.0",
        "provides": ["backend local (SmolLM2-135M-Instruct in this process, which knows little; or a model of yours)"],
        "faults": [],
        "loaded": True,
    }
