"""The process with pipes and files: exact stdout, exit codes, and where in the script it went wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from kaito.testing import Cut, ErrorEvent, Gate, Hang, ModelServer, Say, Status, kaito_command
from kaito.testing.runner import environment

HELP = (
    "Available commands:\n"
    "  quit/exit - Exit chat session\n"
    "  clear     - Clear conversation history  \n"
    "  help      - Show this help\n"
    "  status    - Show current configuration\n"
)


@pytest.fixture
def chat(kaito, model_server):
    """Run `kaito chat` against the model server."""

    def chat(*arguments, **options):
        return kaito("chat", "--endpoint", model_server.url, *arguments, **options)

    return chat


def test_a_piped_message(chat, model_server):
    model_server.enqueue(Say("Artificial Intelligence (AI) refers to…"))
    outcome = chat("--workspace-name", "my-llama", stdin="What is AI?\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: Artificial Intelligence (AI) refers to…\n", "")


def test_a_script(chat, model_server):
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
    assert [[message["content"] for message in one.messages] for one in model_server.chats] == [
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


def test_a_turn_that_failed_is_not_part_of_the_history(chat, model_server):
    model_server.strict_roles = True
    model_server.enqueue(Say("one"), Cut("half"), Status(500), Say("four"))
    outcome = chat("--keep-going", stdin="a\nb\nc\nd\n")
    assert outcome.out == "Assistant: one\nAssistant: half\nAssistant: four\n"
    assert outcome.code == 1
    assert [message["content"] for message in model_server.chats[-1].messages] == ["a", "one", "d"]


def test_no_newline_after_the_last_line(chat):
    assert chat(stdin="a\nb").out == "Assistant: a\nAssistant: b\n"


def test_windows_line_ends_and_a_byte_order_mark(chat, model_server):
    assert chat(stdin=b"\xef\xbb\xbfa\r\nHELP\r\n").out == "Assistant: a\n" + HELP
    assert model_server.chats[0].last_message == "a"


def test_an_empty_script(chat):
    assert (chat(stdin="").code, chat(stdin="\n\n").out) == (0, "")


def test_a_line_of_a_mebibyte(chat, model_server):
    model_server.default = Say("long")
    assert chat(stdin="x" * 2**20 + "\nshort\n").out == "Assistant: long\nAssistant: long\n"
    assert len(model_server.chats[0].last_message) == 2**20


def test_bytes_that_are_not_utf8_name_their_line(chat, model_server):
    outcome = chat(stdin=b"a\nb\xff\nc\n")
    assert outcome.out == "Assistant: a\n"
    assert outcome.err == "❌ Error: the line is not UTF-8: byte 2 is 0xff\n   at stdin:2\n"
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
def test_lines_that_look_like_commands_and_are_messages(chat, model_server, line, sent):
    chat(stdin=f"{line}\n")
    assert model_server.chats[0].last_message == sent


def test_the_slash_form_says_more(chat):
    outcome = chat(stdin="/status\n/help\n/quit\nnever\n")
    assert "  Backend: url\n" in outcome.out
    assert "/clear" in outcome.out
    assert outcome.code == 0


@pytest.mark.parametrize(
    ("keep_going", "out", "sent"), [(False, "Assistant: a\n", 2), (True, "Assistant: a\nAssistant: c\n", 3)]
)
def test_a_failure_in_a_script(chat, model_server, keep_going, out, sent):
    model_server.enqueue(Say("a"), Status(500, {"error": {"message": "engine died"}}))
    outcome = chat(*["--keep-going"] * keep_going, stdin="a\nb\nc\n")
    assert (outcome.code, outcome.out) == (1, out)
    assert outcome.err == "❌ Model Error: engine died (HTTP 500)\n   at stdin:2\n"
    assert len(model_server.chats) == sent


def test_a_broken_answer_ends_its_line(chat, model_server):
    model_server.enqueue(ErrorEvent("Hel", {"message": "out of memory"}))
    outcome = chat(stdin="a\n")
    assert outcome.out == "Assistant: Hel\n"
    assert outcome.err.startswith("❌ Model Error: out of memory\n")


def test_the_first_failure_gives_the_exit_code(chat, model_server):
    model_server.enqueue(Status(401), Status(500))
    assert chat("--keep-going", stdin="a\nb\nc\n").code == 5


def test_an_answer_cut_by_the_limit_says_so(chat, model_server):
    model_server.enqueue(Say("one two", finish_reason="length"))
    outcome = chat(stdin="a\n")
    assert (outcome.code, outcome.out) == (0, "Assistant: one two\n")
    assert outcome.err == "(cut by the limit after 2 tokens: --max-tokens)\n"


def test_a_script_in_a_file(chat, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env kaito\na\n/nope\n")
    outcome = chat("--script", str(script), stdin="not read\n")
    assert outcome.out == "Assistant: a\n"
    assert outcome.err.endswith(f"   at {script}:3\n")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_script_that_is_not_there(chat, model_server, name):
    outcome = chat("--script", name)
    assert outcome.code == 2
    assert f"--script: cannot read '{name}'" in outcome.err
    assert model_server.requests == []


def test_reasoning_is_left_out_of_piped_output(chat, model_server):
    model_server.enqueue(Say("yes", reasoning="hm"), Say("more"))
    assert chat(stdin="a\nb\n").out == "Assistant: yes\nAssistant: more\n"
    assert [message["content"] for message in model_server.chats[-1].messages] == ["a", "yes", "b"]


def test_control_sequences_are_left_out_also_when_piped(chat, model_server):
    model_server.enqueue(Say(chunks=["a\x1b[3", "1mb\x1b]0;ti", "tle\x07c\u202e\x9b1m", "d"]))
    assert chat(stdin="x\n").out == "Assistant: abcd\n"


# One message


def test_one_message(chat, model_server):
    outcome = chat("-m", "Hi")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: Hi\n", "")


def test_a_message_is_never_a_command(chat, model_server):
    chat("--message", "help")
    assert model_server.chats[0].last_message == "help"


def test_material_from_a_pipe_goes_before_the_message(chat, model_server):
    chat("-m", "why?", stdin="log 1\nlog 2\n")
    assert model_server.chats[0].last_message == "log 1\nlog 2\n\nwhy?"


def test_material_from_a_file(chat, model_server, tmp_path):
    file = tmp_path / "log"
    file.write_text("log\n\n")
    chat("-m", "why?", stdin=file)
    assert model_server.chats[0].last_message == "log\n\n\nwhy?"


def test_material_can_be_left_alone(chat, model_server):
    chat("-m", "why?", "--no-stdin", stdin="log\n")
    assert model_server.chats[0].last_message == "why?"


def test_no_material(chat, model_server):
    chat("-m", "why?", stdin="")
    assert model_server.chats[0].last_message == "why?"


def test_all_of_stdin_is_one_message_verbatim(chat, model_server):
    chat("-m", "-", stdin='quit\n"""\n\n')
    assert model_server.chats[0].last_message == 'quit\n"""\n\n'


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["-m", " "], None, "--message: is empty"),
        (["-m", "-"], "", "--message: is empty"),
        (["-m", "-", "--no-stdin"], "x", "--message: '-' does not go with --no-stdin"),
        (["--no-stdin"], "x", "--no-stdin: goes with --message"),
        (["-m", "x", "--script", "y"], None, "--message: does not go with --script"),
    ],
)
def test_messages_that_cannot_be_meant(chat, model_server, arguments, stdin, told):
    outcome = chat(*arguments, stdin=stdin)
    assert (outcome.code, told in outcome.err) == (2, True)
    assert model_server.requests == []


def test_material_that_is_not_utf8(chat):
    outcome = chat("-m", "why?", stdin=b"\xff")
    assert (outcome.code, outcome.err) == (1, "❌ Error: stdin is not UTF-8: byte 1 is 0xff\n")


def test_json(chat, model_server):
    model_server.enqueue(Say("a \x1b[31m\u2028", reasoning="hm"))
    outcome = chat("-o", "json", stdin="x\nhelp\ny\n")
    first, *rest = outcome.out.split("\n", 1)
    answer = json.loads(first)
    assert (answer["text"], answer["reasoning"], answer["model"], answer["finish_reason"]) == (
        "a \x1b[31m\u2028",
        "hm",
        "test-model",
        "stop",
    )
    assert answer["usage"]["prompt_tokens"] == 1
    assert answer["timings"]["total_s"] >= answer["timings"]["first_token_s"] > 0
    assert json.loads(rest[0].removeprefix(HELP))["text"] == "y"


def test_an_answer_may_be_asked_for_as_a_whole(chat, model_server):
    assert chat("--no-stream", "-m", "Hi").out == "Assistant: Hi\n"
    assert model_server.chats[0].body["stream"] is False


def test_the_oldest_turns_give_way(kaito):
    with ModelServer(window=30, default=Say("ok")) as server:
        script = "".join(f"{'word ' * 8}{number}\n" for number in range(5))
        arguments = ["chat", "--endpoint", server.url, "--max-tokens", "5", "--system-prompt", "Be brief"]
        outcome = kaito(*arguments, stdin=script)
        assert outcome.code == 1
        assert "❌ Model Error: Input too long (" in outcome.err
        outcome = kaito(*arguments, "--trim", stdin=script)
        assert (outcome.code, outcome.out) == (0, "Assistant: ok\n" * 5)
        assert outcome.err == "The oldest turn was dropped to fit the model's window (--trim)\n" * 3
        messages = [message["content"] for message in server.chats[-1].messages]
        assert messages[0] == "Be brief"
        assert messages[-1].endswith("4")
        assert len(messages) == 4


# The contract's errors


def test_the_model_error_of_the_contract(kaito):
    with ModelServer(window=1024) as server:
        outcome = kaito("chat", "--endpoint", server.url, "-m", "word " * 1500)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith(
        "❌ Model Error: Input too long (1500 tokens > 1024 max)\n"
        "   Try reducing your message length or increasing --max-tokens\n"
    )
    assert len(outcome.err.splitlines()) == 3


def test_the_connection_error_of_the_contract(kaito, refused_url):
    outcome = kaito("chat", "--endpoint", refused_url, "--workspace-name", "my-workspace", "-m", "x")
    assert outcome.code == 4
    assert outcome.out == ""
    assert outcome.err.startswith(
        "❌ Error: Unable to connect to workspace endpoint\n"
        f"   Endpoint: {refused_url}/chat/completions\n"
        "   Please check if the workspace is running and accessible\n"
    )


def test_a_workspace_s_endpoint_is_shown_by_its_service(kaito):
    outcome = kaito("chat", "--workspace-name", "my-workspace", "-n", "prod", "-m", "x")
    assert outcome.code == 4
    assert "   Endpoint: http://my-workspace.prod.svc.cluster.local/chat/completions\n" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--workspace-name is required"),
        (["--backend", "nope", "--workspace-name", "x"], "--backend: 'nope' is not one of auto, url"),
        (["--backend", "local"], "It comes with the distribution kaito-local"),
        (["--backend", "url"], "--backend: 'url' needs --endpoint URL"),
        (["--backend", "local", "--endpoint", "http://x"], "--backend: 'local' does not go with --endpoint"),
        (["--endpoint", "http://x", "-o", "xml"], "--output: 'xml' is not one of json, plain"),
        (["--temperature", "3"], "--temperature: '3' is not a number from 0.0 to 2.0"),
    ],
)
def test_usage_errors_come_before_any_contact(kaito, arguments, told):
    outcome = kaito("chat", *arguments, stdin="x\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_a_wait_for_a_busy_server_is_told(chat, model_server):
    model_server.enqueue(Status(429, retry_after=1), Say("Hi"))
    outcome = chat("-m", "x")
    assert outcome.out == "Assistant: Hi\n"
    assert outcome.err.startswith("retrying in 1 s: the server is busy: ")


# Streams that go away


def start(*arguments, **options):
    """Start the command with nothing on stdin and its output in pipes, unless the options say otherwise."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(kaito_command(*arguments), env=environment({}), **{**streams, **options})


def test_a_closed_pipe_ends_it_silently(model_server):
    model_server.default = Say("word " * 100_000)
    process = start(
        "chat",
        "--endpoint",
        model_server.url,
        "-m",
        "x",
    )
    assert process.stdout.read(11) == b"Assistant: "
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["chat", "--help"], ["plugins"], ["chat", "--endpoint", "URL", "-m", "x"]]
)
def test_no_stdout_at_all(model_server, arguments):
    arguments = [model_server.url if argument == "URL" else argument for argument in arguments]
    command = subprocess.list2cmdline(kaito_command(*arguments))
    done = subprocess.run(f"{command} >&-", shell=True, env=environment({}), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told(model_server):
    with open("/dev/full", "wb") as full:
        process = start(
            "chat",
            "--endpoint",
            model_server.url,
            "-m",
            "x",
            stdout=full,
        )
        _, err = process.communicate(timeout=30)
    assert err.decode() == "❌ Error: Cannot write to stdout: No space left on device\n"
    assert process.returncode == 1


def test_no_stdin_at_all(model_server):
    command = subprocess.list2cmdline(kaito_command("chat", "--endpoint", model_server.url))
    done = subprocess.run(f"{command} <&-", shell=True, env=environment({}), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_ctrl_c_ends_a_script(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["half ", gate, "rest"]))
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE)
    process.stdin.write(b"a\nb\n")
    process.stdin.flush()
    assert process.stdout.read(16) == b"Assistant: half "
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"\n", b"")
    model_server.wait_for_disconnect(timeout=5)
    assert len(model_server.chats) == 1


def test_ctrl_c_before_the_first_token(model_server):
    model_server.enqueue(Hang())
    process = start(
        "chat",
        "--endpoint",
        model_server.url,
        "-m",
        "x",
    )
    model_server.wait_for_chats(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_ctrl_c_while_connecting(model_server):
    model_server.route("/v1/models", Hang())
    process = start(
        "chat",
        "--endpoint",
        model_server.url,
        "-m",
        "x",
    )
    model_server.wait_for_requests(1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


HANGING = """
import asyncio, time
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.types import Candidate

class Hanging:
    name = "hanging"
    needs_workspace = False
    async def discover(self, target, reporter):
        return [Candidate(backend=self.name, url="x")]
    @asynccontextmanager
    async def open(self, candidate, reporter):
        print("opening", flush=True)
        HANG
        yield

@hookimpl
def kaito_backends():
    return [Hanging()]
"""


@pytest.fixture
def hanging(tmp_path):
    """Start a chat whose backend hangs in a certain way, and wait until it does."""
    processes = []

    def hanging(hang):
        file = tmp_path / "hanging.py"
        file.write_text(HANGING.replace("HANG", hang))
        arguments = ["chat", "--plugin", str(file), "--backend", "hanging", "-m", "x"]
        process = start(*arguments)
        processes.append(process)
        assert process.stdout.readline() == b"opening\n"
        time.sleep(0.1)
        return process

    yield hanging
    for process in processes:
        process.kill()
        process.wait()


def test_ctrl_c_does_not_wait_for_a_call_that_cannot_be_cancelled(hanging):
    process = hanging("await asyncio.to_thread(time.sleep, 60)")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


def test_a_second_ctrl_c_ends_it_at_once(hanging):
    process = hanging("""
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(60)
    """)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


def test_ctrl_c_while_a_script_waits_for_its_next_line(model_server):
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE)
    process.stdin.write(b"a\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"Assistant: a\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130


def test_each_line_is_answered_as_it_comes(model_server):
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE, stderr=None)
    for word in (b"a", b"b"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"Assistant: " + word + b"\n"
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def test_an_ignored_interrupt_stays_ignored(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["half ", gate, "rest"]))
    command = subprocess.list2cmdline(kaito_command("chat", "--endpoint", model_server.url, "-m", "x"))
    process: Any = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {command}"],
        env=environment({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.read(16) == b"Assistant: half "
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    gate.open()
    assert process.communicate(timeout=30)[0] == b"rest\n"
    assert process.returncode == 0


def test_streams_that_do_not_wait_lose_nothing(model_server):
    model_server.default = Say("word " * 60_000)
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    os.set_blocking(in_read, False)
    os.set_blocking(out_write, False)
    process = start("chat", "--endpoint", model_server.url, stdin=in_read, stdout=out_write, stderr=None)
    os.close(in_read)
    os.close(out_write)
    time.sleep(0.5)
    os.write(in_write, b"go\n")
    os.close(in_write)
    time.sleep(0.5)
    with open(out_read, "rb") as out:
        assert len(out.read()) == len("Assistant: ") + 300_000 + 1
    assert process.wait(30) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_told_by_the_version_too():
    with open("/dev/full", "wb") as full:
        process = start("--version", stdout=full)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.decode()) == (1, "❌ Error: Cannot write to stdout: No space left on device\n")


def test_a_query_is_sent_and_not_shown(kaito, model_server, refused_url):
    kaito("chat", "--endpoint", f"{model_server.url}/v1/chat/completions?key=sk-secret", "-m", "x")
    assert model_server.chats[0].target == "/v1/chat/completions?key=sk-secret"
    outcome = kaito("chat", "--endpoint", f"{refused_url}/v1?key=sk-secret", "-m", "x")
    assert f"   Endpoint: {refused_url}/v1/chat/completions\n" in outcome.err
    assert "sk-secret" not in outcome.err


# Letters


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_console_without_unicode(chat, model_server, encoding):
    model_server.default = Say("naïve 🤖")
    outcome = chat(stdin="x\nclear\n/nope\n", env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert outcome.code == 2
    assert outcome.out_bytes.startswith(b"Assistant: na")
    assert outcome.err.startswith("Conversation history cleared\nError: Unknown command '/nope'\n")


def test_json_in_ascii(chat, model_server):
    model_server.default = Say("naïve 🤖")
    outcome = chat("-o", "json", "-m", "x", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert json.loads(outcome.out)["text"] == "naïve 🤖"


def test_no_secret_is_shown(chat, model_server, tmp_path):
    key = tmp_path / "key"
    key.write_text("sk-verysecret\n")
    model_server.enqueue(Status(401, {"error": {"message": "Bad key sk-verysecret"}}))
    outcome = chat("-m", "x", "--api-key-file", str(key), "--verbose")
    assert outcome.code == 5
    assert "sk-verysecret" not in outcome.err + outcome.out


def test_it_runs_as_a_kubectl_plugin(model_server, tmp_path):
    plugin = tmp_path / "kubectl-kaito"
    plugin.write_text(f"#!{sys.executable}\nimport sys\nfrom kaito.cli import main\nsys.exit(main())\n")
    plugin.chmod(0o755)
    done = subprocess.run([plugin, "--help"], env=environment({}), capture_output=True, text=True, check=True)
    assert "kubectl kaito chat --workspace-name my-llama" in done.stdout
    done = subprocess.run([plugin, "chat", "--nope"], env=environment({}), capture_output=True, text=True, check=False)
    assert "See 'kubectl kaito chat --help'" in done.stderr
