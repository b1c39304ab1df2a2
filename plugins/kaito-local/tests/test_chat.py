"""The command line with a real model behind it: at a prompt, by a pipe, with one message."""

import json

import pytest

from kaito.testing import TerminalSession, kaito_command, run_kaito

CHAT = ["chat", "--backend", "local", "--temperature", "0", "--max-tokens", "24"]


@pytest.fixture(autouse=True)
def only_this_plugin(monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "local")


def test_a_conversation_at_a_prompt(cached):
    with TerminalSession(kaito_command(*CHAT)) as session:
        session.wait_for("🤖 Connected to workspace: local (SmolLM2-135M-Instruct)", timeout=60)
        session.wait_for("\n>")
        session.type("Say hello.\n")
        session.wait_for("Assistant: ", timeout=60)
        session.wait_for(lambda session: session.transcript.count("\n>") == 2, timeout=60)
        session.type("Again, please.\n")
        session.wait_for(lambda session: session.transcript.count("\n>") == 3, timeout=60)
        session.type("quit\n")
        assert session.wait_exit() == 0
        assert session.transcript.endswith("> quit\n👋 Goodbye!")
        assert session.transcript.count("Assistant: ") == 2


def test_ctrl_c_stops_a_long_answer_and_the_next_one_comes(cached):
    with TerminalSession(kaito_command("chat", "--backend", "local")) as session:
        session.wait_for("\n>", timeout=60)
        session.type("Write a very long story about the sea.\n")
        session.wait_for("Assistant: ", timeout=60)
        session.press("ctrl-c")
        session.wait_for(lambda session: session.transcript.count("\n>") == 2, timeout=20)
        session.type("clear\n")
        session.wait_for("Conversation history cleared")
        session.type("Say hello.\n")
        session.wait_for("Assistant: ", count=2, timeout=60)
        session.press("ctrl-c")
        session.wait_for(lambda session: session.transcript.count("\n>") == 4, timeout=20)
        session.press("ctrl-d")
        assert session.wait_exit() == 0


def test_a_pipe(cached):
    outcome = run_kaito(*CHAT, stdin="What is AI?\nstatus\n")
    assert outcome.code == 0
    assert outcome.out.startswith("Assistant: ")
    assert "  Workspace: local\n  Model: SmolLM2-135M-Instruct\n" in outcome.out


def test_one_message_as_json(cached):
    outcome = run_kaito(*CHAT, "-o", "json", "-m", "Say hello.")
    answer = json.loads(outcome.out)
    assert answer["text"]
    assert answer["model"] == "SmolLM2-135M-Instruct"
    assert answer["usage"]["completion_tokens"] <= 24
    assert answer["finish_reason"] in ("stop", "length")


def test_a_prompt_over_the_window(cached):
    outcome = run_kaito(*CHAT, "-m", "word " * 9000)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("❌ Model Error: Input too long (90")
    assert "> 8192 max)\n   Try reducing your message length or increasing --max-tokens\n" in outcome.err


def test_it_is_listed():
    rows = json.loads(run_kaito("plugins", "-o", "json").out)
    assert rows[-1] == {
        "name": "local",
        "distribution": "kaito-local",
        "version": "0.1.0",
        "provides": ["backend local"],
        "faults": [],
        "loaded": True,
    }
