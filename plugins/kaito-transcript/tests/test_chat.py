"""Chats with a transcript: scripts, a prompt, a full disk."""

from __future__ import annotations

import subprocess

import pytest

from kaito.testing import Cut, Gate, Say, child_environment, kaito_command, replay


def test_nothing_is_kept_without_the_flag(kaito, model_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kaito("chat", "--endpoint", model_server.url, "-m", "Hi").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_script(kaito, model_server, file, records):
    model_server.enqueue(Say("Hello"), Say("Fine"))
    outcome = kaito("chat", "--endpoint", model_server.url, "--transcript", str(file), stdin="Hi\nHow are you?\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: Hello\nAssistant: Fine\n", "")
    first, second = records(file)
    assert (first["question"], first["answer"], first["outcome"]) == ("Hi", "Hello", "complete")
    assert (second["question"], second["answer"], second["turn"]) == ("How are you?", "Fine", 2)
    assert second["conversation"] == first["conversation"]
    assert first["model"] == "test-model"
    assert first["usage"]["completion_tokens"] == 1
    assert first["timings"]["total_s"] > 0
    assert first["parameters"] == {"temperature": 0.7, "top_p": 0.9, "max_tokens": 1024}
    # The next chat is added.
    kaito("chat", "--endpoint", model_server.url, "--transcript", str(file), "-m", "Again")
    assert records(file)[2]["conversation"] != first["conversation"]


def test_a_failed_turn_is_not_recorded(kaito, model_server, file):
    model_server.enqueue(Cut("Hel"))
    assert kaito("chat", "--endpoint", model_server.url, "--transcript", str(file), "-m", "Hi").code == 1
    assert not file.exists()


def test_a_stopped_answer_and_its_continuation(terminal, model_server, tmp_path, records):
    gate = Gate()
    model_server.enqueue(Say(chunks=["Hel", gate, "!"]), Say("lo"))
    replay(
        terminal(kaito_command("chat", "--endpoint", model_server.url, "--transcript", f"{tmp_path}/kept/")),
        """
        🤖 Connected to workspace: 127.0.0.1:… (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «Hi»‹enter›
        Assistant: Hel‹ctrl-c›
        (stopped)

        > «/continue»‹enter›
        Assistant: lo

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )
    gate.open()
    [path] = (tmp_path / "kept").iterdir()
    stopped, continued = records(path)
    assert (stopped["answer"], stopped["outcome"], stopped["finish_reason"]) == ("Hel", "interrupted", None)
    assert (continued["answer"], continued["replaces"]) == ("Hello", stopped["id"])


@pytest.mark.parametrize(
    ("destination", "reason"), [("/dev/null", "it is not a regular file"), ("/no/file", "there is no")]
)
def test_an_impossible_destination_is_refused_before_anything_is_sent(kaito, model_server, destination, reason):
    outcome = kaito("chat", "--endpoint", model_server.url, "--transcript", destination, "-m", "Hi")
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: --transcript: '{destination}': {reason}")
    assert model_server.requests == []


def test_a_full_disk_is_said_once_and_the_chat_goes_on(model_server, file, records):
    model_server.enqueue(Say("Hello"), Say("word " * 2000), Say("Fine"))
    command = kaito_command("chat", "--endpoint", model_server.url, "--transcript", str(file))
    done = subprocess.run(
        # Files have at most a few KiB.
        ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *command],
        input="Hi\nTell me more\nHow are you?\n",
        capture_output=True,
        text=True,
        env=child_environment({"KAITO_HISTORY": "off"}),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.endswith("Assistant: Fine\n")
    [message] = done.stderr.splitlines()
    assert message == (
        "Plugin 'transcript' (kaito-transcript 0.1.0): "
        f"Cannot write the transcript '{file}': File too large; it sees no further answers"
    )
    assert [record["answer"] for record in records(file)] == ["Hello"]
