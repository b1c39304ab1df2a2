"""`--each`: every line of a script is a conversation of its own; and the JSON that a program matches with its lines."""

import json
import signal
import subprocess

import pytest

from kaito.testing import Cut, ErrorEvent, Hang, Say, Status, child_environment, kaito_command
from tests.examples import examples


def rows(outcome):
    """Return the JSON objects on stdout."""
    return [json.loads(line) for line in outcome.out.splitlines()]


def sent(model_server):
    """Return the texts of each request."""
    return [[message["content"] for message in chat.messages] for chat in model_server.chats]


def test_each_line_begins_a_conversation(chat, model_server):
    outcome = chat("--each", "--system-prompt", "Be brief", stdin="one\ntwo\n\nthree\n")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "Assistant: one\nAssistant: two\nAssistant: three\n"
    assert sent(model_server) == [["Be brief", "one"], ["Be brief", "two"], ["Be brief", "three"]]


def test_settings_stay(chat, model_server):
    chat("--each", stdin="/set temperature 0\none\n/system Be kind\ntwo\nthree\n")
    assert sent(model_server) == [["one"], ["Be kind", "two"], ["Be kind", "three"]]
    assert [each.body["temperature"] for each in model_server.chats] == [0, 0, 0]


def test_a_block_is_one_conversation(chat, model_server):
    outcome = chat("--each", "-o", "json", stdin='one\n"""\ntwo\nlines\n"""\nthree\n')
    assert [(row["line"], row["text"]) for row in rows(outcome)] == [(1, "one"), (2, "two\nlines"), (6, "three")]
    assert sent(model_server) == [["one"], ["two\nlines"], ["three"]]


def test_a_command_works_on_the_conversation_of_the_line_before(chat, model_server, tmp_path):
    script = tmp_path / "script"
    script.write_text(f"one\n/save {tmp_path / 'one.json'}\n/retry\n/undo\ntwo\n/save {tmp_path / 'two.json'}\n")
    model_server.enqueue(Say("first"), Say("second"), Say("third"))
    assert chat("--each", "--script", str(script)).code == 0
    saved = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two")]
    assert [[message["content"] for message in one] for one in saved] == [["one", "first"], ["two", "third"]]
    assert sent(model_server) == [["one"], ["one"], ["two"]]


def test_a_command_that_sends_a_message_begins_a_conversation(chat, model_server, tmp_path):
    (tmp_path / "letter").write_text("a letter\n")
    script = tmp_path / "script"
    script.write_text(f"one\n/read {tmp_path / 'letter'}\ntwo\n")
    chat("--each", "--script", str(script))
    assert sent(model_server) == [["one"], ["a letter"], ["two"]]


CHAIN = """
from kaito import Message, SlashCommand, hookimpl

def chain(text, shell):
    "Ask twice."
    shell.replace([Message("user", "example"), Message("assistant", "yes")])
    shell.ask(text)
    shell.ask("better")

@hookimpl
def kaito_slash_commands():
    return [SlashCommand(name="chain", run=chain, arguments="TEXT")]
"""


def test_a_command_that_asks_twice_is_one_conversation(chat, model_server, plugin):
    outcome = chat("--each", "-o", "json", "--plugin", plugin(CHAIN), stdin="one\n/chain two\nthree\n")
    assert [(row["line"], row["text"]) for row in rows(outcome)] == [
        (1, "one"),
        (2, "two"),
        (2, "better"),
        (3, "three"),
    ]
    chain = ["example", "yes", "two"]
    assert sent(model_server) == [["one"], chain, [*chain, "two", "better"], ["three"]]


def test_a_failed_line_has_its_object_and_the_next_one_is_asked(chat, model_server):
    model_server.enqueue(
        Say("one"),
        Status(500, {"error": {"message": "engine died"}}),
        Cut("hal"),
        Say(""),
        ErrorEvent("x", {"message": "no"}),
    )
    outcome = chat("--each", "-o", "json", stdin="a\nb\nc\nd\ne\n/nope\nf\xff\n".encode("latin-1") + b"g\n")
    table = rows(outcome)
    assert [row["line"] for row in table] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [row["text"] for row in table] == ["one", None, None, None, None, None, None, "g"]
    assert [row["error"]["message"] for row in table[1:-1]] == [
        "engine died (HTTP 500)",
        "The stream ended early: the connection was lost",
        "The answer is empty",
        "no",
        "Unknown command '/nope'",
        "The line is not UTF-8: byte 2 is 0xff",
    ]
    assert [row["error"]["exit_code"] for row in table[1:-1]] == [1, 1, 1, 1, 2, 1]
    assert [row.get("received") for row in table] == [None, None, "hal", None, "x", None, None, None]
    assert table[2]["error"]["hints"] == ["The answer is not complete; send the message again"]
    assert "error" not in table[0]
    assert outcome.code == 1
    assert outcome.err.count("❌") == 6
    assert outcome.err.count("\n   at stdin:") == 6


def test_the_documented_object_of_a_failure(chat, model_server):
    model_server.enqueue(Say("one"), Cut("A Node is"))
    failure = rows(chat("--each", "-o", "json", stdin="a\nb\n"))[1]
    [documented] = [each.code for each in examples("json") if '"received"' in each.code]
    assert failure == json.loads(documented)


def test_commands_and_empty_lines_have_no_objects(chat):
    outcome = chat(
        "--each", "-o", "json", stdin="#!/usr/bin/env kaito\n\n/set seed 1\nclear\nhelp\nstatus\none\nquit\ntwo\n"
    )
    assert [(row["line"], row["text"]) for row in rows(outcome)] == [(7, "one")]


def test_a_script_without_each_has_lines_and_its_failure_too(chat, model_server):
    model_server.enqueue(Say("one"), Status(401))
    outcome = chat("-o", "json", stdin="a\n\nb\nc\n")
    answer, failure = rows(outcome)
    assert (answer["line"], failure["line"], failure["text"], failure["error"]["exit_code"]) == (1, 3, None, 5)
    assert outcome.code == 5


def test_one_message_has_no_line(chat, model_server):
    model_server.enqueue(Say("one"), Status(400, {"error": {"message": "no\x1b[2J"}}))
    assert next(iter(rows(chat("-o", "json", "-m", "a"))[0])) == "text"
    outcome = chat("-o", "json", "-m", "a")
    hints = ["Change the message, or the flags"]
    assert rows(outcome) == [{"text": None, "error": {"message": "no (HTTP 400)", "hints": hints, "exit_code": 1}}]
    assert outcome.code == 1


REFUSE = """
from kaito import KaitoError, ShellHint, hookimpl

@hookimpl
def kaito_request(request):
    if "secret" in request.messages[-1].content:
        raise KaitoError("It is a secret", "'/undo' removes it", "Ask '/tmp' or /help/me", ShellHint("'/undo'!", "Omit it"))
"""


def test_a_message_that_a_plugin_refuses_has_its_object(chat, model_server, plugin):
    outcome = chat("--each", "-o", "json", "--plugin", plugin(REFUSE), stdin="a\nsecret\nb\n")
    assert [(row["line"], row["text"]) for row in rows(outcome)] == [(1, "a"), (2, None), (3, "b")]
    # A hint of a plugin that names a command is for a prompt.
    assert rows(outcome)[1]["error"]["hints"] == ["Ask '/tmp' or /help/me", "Omit it"]
    assert outcome.err == "❌ Error: It is a secret\n   Ask '/tmp' or /help/me\n   Omit it\n   at stdin:2\n"
    assert sent(model_server) == [["a"], ["b"]]


SCHEMA = '{"type": "object", "required": ["a"]}'


def test_an_answer_that_fails_its_schema_is_a_failure_with_what_was_received(chat, model_server, tmp_path):
    pytest.importorskip("jsonschema")
    (tmp_path / "schema").write_text(SCHEMA)
    model_server.enqueue(Say('{"b": 1}'), Say('{"a": 1}'))
    wrong, right = rows(chat("--each", "-o", "json", "--schema", str(tmp_path / "schema"), stdin="x\ny\n"))
    assert (wrong["line"], wrong["text"], wrong["received"]) == (1, None, '{"b": 1}')
    assert (right["line"], right["parsed"]) == (2, {"a": 1})


def test_an_answer_that_the_limit_cut_is_no_failure(chat, model_server):
    model_server.enqueue(Say("one tw", finish_reason="length"))
    [row] = rows(chat("--each", "-o", "json", stdin="x\n"))
    assert (row["text"], row["finish_reason"], "error" in row) == ("one tw", "length", False)


def test_plain_and_text_show_what_arrived_of_a_failed_line(chat, model_server):
    model_server.enqueue(Cut("hal"), Say("two"), Cut("hal"), Say("two"))
    assert chat("--each", stdin="a\nb\n").out == "Assistant: hal\nAssistant: two\n"
    assert chat("--each", "-o", "text", stdin="a\nb\n").out == "hal\ntwo\n"


def test_nothing_more_is_asked_once_stdout_is_full(model_server):
    command = kaito_command("chat", "--endpoint", model_server.url, "--each", "-o", "json")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, env=child_environment(), input=b"a\n" * 20, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr.count(b"Cannot write to stdout: No space left on device")) == (1, 1)
    assert len(model_server.chats) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "x"], "--each: cannot be used with --message"),
        (["--load", "x.json"], "--each: cannot be used with --load"),
        (["--continue"], "--each: cannot be used with --continue"),
    ],
)
def test_what_contradicts_each_is_refused_before_any_contact(chat, model_server, arguments, message):
    outcome = chat("--each", *arguments, stdin="a\n")
    assert (outcome.code, message in outcome.err) == (2, True)
    assert model_server.requests == []


ROWS = '''
from kaito import Formatter, hookimpl

class Rows(Formatter):
    name = "rows"
    exclusive_stdout = True
    def begin_session(self): return "line;answer\\n"
    def feed(self, delta): return ""
    def finish(self, reply): return f"{reply.line};{reply.content}\\n"
    def fail(self, failure):
        received = "-" if failure.reply is None else failure.reply.content
        return f"{failure.line};{failure.exit_code} {failure.message} ({received})\\n"

class Old:
    """Written before `fail` and `line` existed, without the base class."""
    name = "old"
    def __init__(self, screen, settings): pass
    def feed(self, delta): return delta.content
    def finish(self, reply): return f" [{reply.finish_reason}]\\n"

@hookimpl
def kaito_formatters():
    return [Rows, Old]
'''


def test_the_formatter_of_a_plugin_gets_lines_and_failures(chat, model_server, plugin):
    model_server.enqueue(Say("one"), Cut("ha\x1b[2Jl"))
    outcome = chat("--each", "-o", "rows", "--plugin", plugin(ROWS), stdin="a\nb\n/nope\nc\n")
    assert outcome.out == (
        "line;answer\n1;one\n2;1 The stream ended early: the connection was lost (hal)\n"
        "3;2 Unknown command '/nope' (-)\n4;c\n"
    )


def test_a_session_that_only_fails_has_its_beginning_once(chat, model_server, plugin):
    outcome = chat("--each", "-o", "rows", "--plugin", plugin(ROWS), stdin="/nope\n/set x\n")
    assert outcome.out.startswith("line;answer\n1;2 Unknown command '/nope' (-)\n2;2 ")
    assert outcome.out.count("line;answer") == 1


def test_a_formatter_without_fail_works_as_before(chat, model_server, plugin):
    model_server.enqueue(Say("one"), Cut("hal"), Status(400), Say("two"))
    outcome = chat("--each", "-o", "old", "--plugin", plugin(ROWS), stdin="a\nb\nc\n/nope\nd\n")
    assert outcome.out == "one [stop]\nhal [None]\n [None]\ntwo [stop]\n"


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_fault_in_fail_is_named(chat, model_server, plugin, exclusive):
    source = ROWS.replace('received = "-"', "1 / 0").replace(
        "exclusive_stdout = True", f"exclusive_stdout = {exclusive}"
    )
    source = source.replace("else failure.reply.content", "").replace(" if failure.reply is None ", "")
    model_server.enqueue(Say("one"), Cut("hal"), Say("two"))
    outcome = chat("--each", "-o", "rows", "--plugin", plugin(source), stdin="a\nb\n/nope\nc\n")
    assert "failed in fail: ZeroDivisionError" in outcome.err
    assert outcome.err.count("ZeroDivisionError") == 1
    assert outcome.out == "line;answer\n1;one\n" + ("" if exclusive else "Assistant: hal\nAssistant: two\n")
    assert outcome.code == 1


def test_a_transcript_of_lines_has_a_conversation_for_each(chat, model_server, plugin):
    source = """
from kaito import hookimpl

@hookimpl
def kaito_reply(reply, settings):
    print(settings.each, reply.line, reply.content)
"""
    outcome = chat("--each", "--plugin", plugin(source), stdin="a\n\nb\n")
    assert [line.rpartition(": ")[2] for line in outcome.err.splitlines()] == ["True 1 a", "True 3 b"]


def test_ctrl_c_leaves_what_arrived_and_ends_the_run(model_server):
    model_server.enqueue(Say("one"), Hang("partial"))
    command = kaito_command("chat", "--endpoint", model_server.url, "--each", "-o", "text")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=child_environment(), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"a\nb\nc\n")
        process.stdin.close()
        out = b""
        while not out.endswith(b"partial"):
            out += process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        out += process.stdout.read()
        assert (out, process.wait()) == (b"one\npartial\n", 130)
