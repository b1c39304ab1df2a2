"""Slash commands in scripts: where their output goes, the related flags, and what is sent."""

import json
import os
import subprocess

import pytest

from kaito.testing import Cut, Say, Status, child_environment, kaito_command


def contents(request):
    return [message["content"] for message in request.messages]


@pytest.fixture
def script(chat, tmp_path):
    """Run a script from a file."""
    file = tmp_path / "script"

    def script(text, *arguments, **options):
        file.write_text(text)
        return chat("--script", str(file), *arguments, **options)

    return script


def test_settings_are_sent_to_the_server(chat, model_server):
    text = '/set top-k 5\n/set stop ["x"]\n/set temperature 0\n/set seed 7\nhi\n'
    assert chat(stdin=text).code == 0
    body = model_server.chats[0].body
    assert (body["top_k"], body["stop"], body["temperature"], body["seed"]) == (5, ["x"], 0.0, 7)
    assert "min_p" not in body


def test_an_invalid_value_ends_a_script(script, model_server, tmp_path):
    outcome = script("/set temperature 3\nhi\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        f"❌ Error: temperature: '3' is not a number from 0.0 to 2.0\n   at {tmp_path / 'script'}:1\n"
    )
    assert model_server.chats == []


def test_an_extension_that_the_server_rejects_has_a_hint(chat, model_server):
    message = "[{'type': 'extra_forbidden', 'loc': ('body', 'min_p'), 'msg': 'Extra inputs are not permitted'}]"
    model_server.enqueue(Status(400, {"error": {"message": message, "type": "BadRequestError", "code": 400}}))
    outcome = chat(stdin="/set min-p 0.1\nhi\n")
    assert outcome.code == 1
    assert "   Leave out --min-p, and the server decides\n   at stdin:2\n" in outcome.err


def test_output_of_commands_goes_to_stdout_and_messages_to_stderr(chat, model_server):
    model_server.adapters = ("pirate",)
    model_server.window = 100
    outcome = chat(stdin="/set seed 1\n/set seed\n/system Be brief\nhi\n/tokens\n/model\n/history\n/undo\n")
    assert outcome.out == (
        "  seed               1\n"
        "Assistant: hi\n"
        "Tokens:\n  Last turn: 3 prompt + 1 completion tokens\n  Conversation: 4 tokens, 4% of the window\n"
        "  Window: 100 tokens\n"
        "* test-model  100 tokens\n  pirate      100 tokens, adapter of test-model\n"
        "System prompt: Be brief\n\n> hi\nAssistant: hi\n"
    )
    assert outcome.err == "seed: 1\nSystem prompt replaced\nRemoved: hi\n"


def test_with_json_only_answers_go_to_stdout(chat):
    outcome = chat("-o", "json", stdin="/set seed\n/history\nstatus\n/help\nhi\n/model\n")
    [line] = outcome.out.splitlines()
    assert json.loads(line)["text"] == "hi"
    assert "Configuration:\n" in outcome.err
    assert "* test-model\n" in outcome.err


def test_stdout_is_the_same_to_a_pipe_and_to_a_file(chat, model_server, tmp_path):
    text = 'a\nhelp\n/help\n/set\n"""\nb\n"""\n/history\nclear\n/system x\nstatus\n'
    file = tmp_path / "out"
    with file.open("wb") as out:
        subprocess.run(
            kaito_command("chat", "--endpoint", model_server.url),
            input=text.encode(),
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            check=True,
            timeout=60,
        )
    assert file.read_bytes() == chat(stdin=text).out_bytes


def test_continue_extends_a_cut_answer(chat, model_server):
    model_server.strict_roles = True
    model_server.enqueue(Say("one two", finish_reason="length"), Say("three"))
    outcome = chat(stdin="q\n/continue\nand?\n")
    assert outcome.out == "Assistant: one two\nAssistant: three\nAssistant: and?\n"
    assert contents(model_server.chats[-1]) == ["q", "one two three", "and?"]
    assert model_server.chats[1].body["continue_final_message"] is True
    assert "continue_final_message" not in model_server.chats[2].body


def test_retry_replaces_a_broken_answer(chat, model_server):
    model_server.strict_roles = True
    model_server.enqueue(Say("A"), Cut("half"), Say("B"))
    outcome = chat("--keep-going", stdin="a\nb\n/retry\n/retry\n")
    assert outcome.out == "Assistant: A\nAssistant: half\nAssistant: B\nAssistant: b\n"
    assert contents(model_server.chats[-1]) == ["a", "A", "b"]


def test_statistics_go_to_stderr(chat, model_server):
    model_server.window = 20
    outcome = chat("--stats", "-m", "how are you")
    assert outcome.out == "Assistant: how are you\n"
    assert outcome.err.startswith("(first token after ")
    assert outcome.err.endswith(" tokens/s, 3 prompt + 3 completion tokens, 30% of the window)\n")
    outcome = chat("--stats", "--no-stream", "-m", "how are you")
    assert outcome.err.startswith("(answered after ")


def test_reasoning_can_be_hidden(chat, model_server):
    model_server.enqueue(Say("yes", reasoning="hm"), Say("yes", reasoning="hm"))
    assert "reasoning" in json.loads(chat("-o", "json", "-m", "x").out)
    assert "reasoning" not in json.loads(chat("-o", "json", "--no-reasoning", "-m", "x").out)


def test_save_and_load(script, chat, model_server, tmp_path):
    file = tmp_path / "talk.json"
    assert script(f"a\n/save {file}\n", "--system-prompt", "Be brief").code == 0
    assert chat("--load", str(file), stdin="b\n").code == 0
    assert contents(model_server.chats[-1]) == ["Be brief", "a", "a", "b"]
    assert chat("--load", str(file), "--system-prompt", "Be long", "-m", "c").code == 0
    assert contents(model_server.chats[-1]) == ["Be long", "a", "a", "c"]
    assert script(f"/load {file}\nd\n").code == 0
    assert contents(model_server.chats[-1]) == ["Be brief", "a", "a", "d"]
    assert len(json.loads(file.read_text())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--load", "nowhere"], "--load: Cannot read 'nowhere': No such file or directory"),
        (["--load", "bad"], "--load: 'bad' is not a conversation"),
        (["--load", "bad", "--continue"], "--load: cannot be used with --continue"),
    ],
)
def test_errors_of_load_are_reported_before_any_request(chat, model_server, tmp_path, arguments, message):
    (tmp_path / "bad").write_text("bad")
    outcome = chat(*arguments, stdin="x\n", cwd=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert model_server.requests == []


def test_file_commands_from_a_pipe_are_rejected(chat, model_server, tmp_path):
    for line in ("/save x", "/load x", "/read x"):
        outcome = chat(stdin=f"{line}\n", cwd=tmp_path)
        assert outcome.code == 2
        assert "not from a pipe\n   at stdin:1\n" in outcome.err
    assert os.listdir(tmp_path) == []


def test_help_about_one_command(chat):
    outcome = chat(stdin="/help set\n/help /SAVE\n/help help\n/help sett\n")
    assert outcome.out.startswith("/set [NAME [VALUE]]\n\nShow the settings, or change one\n\n")
    assert "\n/save FILE\n" in outcome.out
    assert "\nWorks at a prompt and in --script FILE, not from a pipe.\n" in outcome.out
    assert outcome.out.endswith("/help [NAME]\n\nShow all commands, including plugins', or help on one\n")
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert outcome.err == "❌ Error: Unknown command '/sett'\n   Did you mean /set?\n   at stdin:4\n"


def test_the_command_list_is_sorted_and_fits_80_columns(chat):
    outcome = chat(stdin="/help\n")
    names = [line.split()[0] for line in outcome.out.splitlines() if line.startswith("  /")]
    assert names == sorted(names)
    assert {"/help", "/status", "/retry", "/set", "/save", "/quit"} < set(names)
    assert max(map(len, outcome.out.splitlines())) <= 80
