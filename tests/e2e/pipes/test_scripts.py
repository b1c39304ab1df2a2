"""Scripts from a pipe and from a file: exact stdout, exit codes, and the line of a failure."""

import pytest

from kaito.testing import Cut, ErrorEvent, Say, Status
from tests.e2e.pipes.contract import HELP


def test_a_piped_message(chat, model_server):
    model_server.enqueue(Say("Artificial Intelligence (AI) refers to…"))
    outcome = chat("--workspace-name", "my-llama", stdin="What is AI?\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: Artificial Intelligence (AI) refers to…\n", "")


def test_a_script_of_messages_and_commands(chat, model_server):
    script = "Hello\n\nhelp\nstatus\nclear\nAgain\nquit\nnever sent\n"
    outcome = chat("--workspace-name", "my-llama", "--system-prompt", "Be brief", stdin=script)
    assert outcome.out == (
        "Assistant: Hello\n"
        + HELP
        + "Configuration:\n  Workspace: my-llama\n  Model: test-model\n  Temperature: 0.7\n  Max tokens: 1024\n"
        + "  Top-p: 0.9\n  System prompt: Be brief\n"
        + "Assistant: Again\n"
    )
    assert outcome.err == "🗑️ Conversation history cleared\n"
    assert outcome.code == 0
    assert [[message["content"] for message in chat.messages] for chat in model_server.chats] == [
        ["Be brief", "Hello"],
        ["Be brief", "Again"],
    ]


def test_the_conversation_is_sent_with_each_turn(chat, model_server):
    model_server.strict_roles = True
    model_server.enqueue(Say("one"), Say("two"), Say("three"))
    assert chat(stdin="a\nb\nc\n").code == 0
    assert [(message["role"], message["content"]) for message in model_server.chats[-1].messages] == [
        ("user", "a"),
        ("assistant", "one"),
        ("user", "b"),
        ("assistant", "two"),
        ("user", "c"),
    ]


def test_a_failed_turn_is_not_part_of_the_history(chat, model_server):
    model_server.strict_roles = True
    model_server.enqueue(Say("one"), Cut("half"), Status(500), Say("four"))
    outcome = chat("--keep-going", stdin="a\nb\nc\nd\n")
    assert outcome.out == "Assistant: one\nAssistant: half\nAssistant: four\n"
    assert outcome.code == 1
    assert [message["content"] for message in model_server.chats[-1].messages] == ["a", "one", "d"]


def test_the_last_line_needs_no_newline(chat):
    assert chat(stdin="a\nb").out == "Assistant: a\nAssistant: b\n"


def test_windows_line_endings_and_a_byte_order_mark(chat, model_server):
    assert chat(stdin=b"\xef\xbb\xbfa\r\nHELP\r\n").out == "Assistant: a\n" + HELP
    assert model_server.chats[0].last_message == "a"


def test_an_empty_script(chat):
    assert (chat(stdin="").code, chat(stdin="\n\n").out) == (0, "")


def test_a_line_of_a_mebibyte(chat, model_server):
    model_server.default = Say("long")
    assert chat(stdin="x" * 2**20 + "\nshort\n").out == "Assistant: long\nAssistant: long\n"
    assert len(model_server.chats[0].last_message) == 2**20


def test_invalid_utf8_is_reported_with_its_line(chat, model_server):
    outcome = chat(stdin=b"a\nb\xff\nc\n")
    assert outcome.out == "Assistant: a\n"
    assert outcome.err == "❌ Error: The line is not UTF-8: byte 2 is 0xff\n   at stdin:2\n"
    assert outcome.code == 1


def test_a_block_is_one_message(chat, model_server):
    chat(stdin='"""\nhelp\nme\n"""\n')
    assert model_server.chats[0].last_message == "help\nme"


def test_an_unclosed_block_is_an_error(chat, model_server):
    outcome = chat(stdin='a\n"""\nb\n')
    assert outcome.code == 2
    assert outcome.err.endswith("is not closed\n   at stdin:2\n")
    assert len(model_server.chats) == 1


def test_an_unknown_slash_command_is_not_sent(chat, model_server):
    outcome = chat(stdin="/stats\n")
    assert outcome.code == 2
    assert outcome.err == (
        "❌ Error: Unknown command '/stats'\n   Did you mean /status?\n   To send it as a message, write //stats\n"
        "   at stdin:1\n"
    )
    assert model_server.chats == []


@pytest.mark.parametrize(
    ("line", "sent"),
    [("//x", "/x"), ("/etc/hosts is empty", "/etc/hosts is empty"), ("EOF", "EOF"), ("?", "?"), ("!ls", "!ls")],
)
def test_messages_that_look_like_commands(chat, model_server, line, sent):
    chat(stdin=f"{line}\n")
    assert model_server.chats[0].last_message == sent


def test_slash_commands_show_more_than_bare_words(chat):
    outcome = chat(stdin="/status\n/help\n/quit\nnever\n")
    assert "  Backend: url\n" in outcome.out
    assert "/clear" in outcome.out
    assert outcome.code == 0


@pytest.mark.parametrize(
    ("keep_going", "out", "sent"), [(False, "Assistant: a\n", 2), (True, "Assistant: a\nAssistant: c\n", 3)]
)
def test_a_failure_ends_a_script_unless_keep_going_is_given(chat, model_server, keep_going, out, sent):
    model_server.enqueue(Say("a"), Status(500, {"error": {"message": "engine died"}}))
    outcome = chat(*["--keep-going"] * keep_going, stdin="a\nb\nc\n")
    assert (outcome.code, outcome.out) == (1, out)
    assert outcome.err == "❌ Model Error: engine died (HTTP 500)\n   The server's log may say more\n   at stdin:2\n"
    assert len(model_server.chats) == sent


def test_a_broken_answer_ends_its_line(chat, model_server):
    model_server.enqueue(ErrorEvent("Hel", {"message": "out of memory"}))
    outcome = chat(stdin="a\n")
    assert outcome.out == "Assistant: Hel\n"
    assert outcome.err.startswith("❌ Model Error: out of memory\n")


def test_the_first_failure_determines_the_exit_code(chat, model_server):
    model_server.enqueue(Status(401), Status(500))
    assert chat("--keep-going", stdin="a\nb\nc\n").code == 5


def test_an_answer_cut_by_the_token_limit_is_reported(chat, model_server):
    model_server.enqueue(Say("one two", finish_reason="length"))
    outcome = chat(stdin="a\n")
    assert (outcome.code, outcome.out) == (0, "Assistant: one two\n")
    assert outcome.err == "(cut by the token limit after 2 tokens; --max-tokens raises the limit)\n"


def test_a_script_in_a_file(chat, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env kaito\na\n/nope\n")
    outcome = chat("--script", str(script), stdin="not read\n")
    assert outcome.out == "Assistant: a\n"
    assert outcome.err.endswith(f"   at {script}:3\n")


def test_a_script_in_the_home_folder(chat, clean_environment):
    (clean_environment / "script").write_text("a\n/nope\n")
    outcome = chat("--script", "~/script")
    assert outcome.out == "Assistant: a\n"
    assert outcome.err.endswith("   at ~/script:2\n")


def test_a_script_named_dash_is_stdin_without_file_commands(chat, tmp_path):
    outcome = chat("--script", "-", "--keep-going", stdin=f"a\n/save {tmp_path / 'x'}\nb\n")
    assert (outcome.code, outcome.out) == (2, "Assistant: a\nAssistant: b\n")
    assert outcome.err.endswith("not from a pipe\n   at stdin:2\n")


def test_an_invalid_kaito_history_is_reported(chat):
    outcome = chat(stdin="a\n", env={"KAITO_HISTORY": "~/x"})
    assert (outcome.code, outcome.out) == (0, "Assistant: a\n")
    assert outcome.err == "KAITO_HISTORY: '~/x' is not on or off; input and conversations are saved\n"


@pytest.mark.parametrize("name", ["nowhere", ".", "x" * 300, "circle"])
def test_a_script_that_cannot_be_read(chat, model_server, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "circle").symlink_to("circle")
    outcome = chat("--script", name)
    assert outcome.code == 2
    assert f"--script: cannot read '{name}'" in outcome.err
    assert model_server.requests == []


def test_reasoning_is_not_shown_in_piped_output(chat, model_server):
    model_server.enqueue(Say("yes", reasoning="hm"), Say("more"))
    assert chat(stdin="a\nb\n").out == "Assistant: yes\nAssistant: more\n"
    assert [message["content"] for message in model_server.chats[-1].messages] == ["a", "yes", "b"]


def test_control_sequences_are_removed_from_piped_output(chat, model_server):
    model_server.enqueue(Say(chunks=["a\x1b[3", "1mb\x1b]0;ti", "tle\x07c\u202e\x9b1m", "d"]))
    assert chat(stdin="x\n").out == "Assistant: abcd\n"
