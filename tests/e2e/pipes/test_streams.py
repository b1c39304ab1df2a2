"""Streams that close, fill up, interrupt or lack a letter."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from typing import Any

import pytest

from kaito.testing import Gate, Hang, Say, Status, child_environment, kaito_command, run_kaito
from tests.controlplane.waiting import until

# Streams that go away


def start(*arguments, **options):
    """Start the command with nothing on stdin and its output in pipes, unless the options say otherwise."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(kaito_command(*arguments), env=child_environment(), **{**streams, **options})


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
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("script", [False, True])
def test_a_pipe_that_closes_while_more_is_waited_for_ends_it_silently(model_server, script):
    gate = Gate()
    model_server.enqueue(Say(chunks=["half ", gate, "more ", Gate()]))
    arguments = [] if script else ["-m", "x"]
    process = start("chat", "--endpoint", model_server.url, *arguments, stdin=subprocess.PIPE)
    process.stdin.write(b"first\nsecond\n")
    process.stdin.close()
    assert process.stdout.read(15) == b"Assistant: half"
    process.stdout.close()
    gate.open()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()
    model_server.wait_for_disconnect()


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["chat", "--help"], ["plugins"], ["chat", "--endpoint", "URL", "-m", "x"]]
)
def test_no_stdout_at_all(model_server, arguments):
    arguments = [model_server.url if argument == "URL" else argument for argument in arguments]
    command = subprocess.list2cmdline(kaito_command(*arguments))
    done = subprocess.run(f"{command} >&-", shell=True, env=child_environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_reported(model_server):
    with open("/dev/full", "wb") as full:
        process = start(
            "chat",
            "--endpoint",
            model_server.url,
            "-m",
            "x",
            stdout=full,
        )
        _, err = process.communicate(timeout=60)
    assert err.decode() == "❌ Error: Cannot write to stdout: No space left on device\n"
    assert process.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_ends_a_script_that_keeps_going(model_server):
    with open("/dev/full", "wb") as full:
        process = start("chat", "--endpoint", model_server.url, "--keep-going", stdin=subprocess.PIPE, stdout=full)
        _, err = process.communicate(b"one\ntwo\nthree\n", timeout=60)
    assert err.decode() == "❌ Error: Cannot write to stdout: No space left on device\n   at stdin:1\n"
    assert process.returncode == 1
    assert len(model_server.chats) == 1


def test_no_stdin_at_all(model_server):
    command = subprocess.list2cmdline(kaito_command("chat", "--endpoint", model_server.url))
    done = subprocess.run(f"{command} <&-", shell=True, env=child_environment(), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_ctrl_c_ends_a_script(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["half ", gate, "rest"]))
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE)
    process.stdin.write(b"a\nb\n")
    process.stdin.flush()
    assert process.stdout.read(16) == b"Assistant: half "
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"\n", b"")
    model_server.wait_for_disconnect()
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
    out, err = process.communicate(timeout=60)
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
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


HANGING = """
import asyncio, os, time
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
        os.write(1, b"opening\\n")
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
        return process

    yield hanging
    for process in processes:
        process.kill()
        process.wait()


def test_ctrl_c_does_not_wait_for_a_call_that_cannot_be_cancelled(hanging):
    process = hanging("await asyncio.to_thread(time.sleep, 60)")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


def test_a_second_ctrl_c_ends_it_at_once(hanging):
    process = hanging("""
        try:
            await asyncio.sleep(3600)
        finally:
            os.write(1, b"cleaning up\\n")
            await asyncio.sleep(3600)
    """)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"cleaning up\n"
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


def test_ctrl_c_while_a_script_waits_for_its_next_line(model_server):
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE)
    process.stdin.write(b"a\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"Assistant: a\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


def test_each_line_is_answered_as_it_comes(model_server):
    process = start("chat", "--endpoint", model_server.url, stdin=subprocess.PIPE, stderr=None)
    for word in (b"a", b"b"):
        process.stdin.write(word + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"Assistant: " + word + b"\n"
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def test_an_ignored_interrupt_stays_ignored(model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["half ", gate, "rest"]))
    command = subprocess.list2cmdline(kaito_command("chat", "--endpoint", model_server.url, "-m", "x"))
    process: Any = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {command}"],
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.read(16) == b"Assistant: half "
    process.send_signal(signal.SIGINT)  # the kernel discards an ignored signal at once
    gate.open()
    assert process.communicate(timeout=60)[0] == b"rest\n"
    assert process.returncode == 0


def test_streams_that_do_not_wait_lose_nothing(model_server):
    model_server.default = Say("word " * 60_000)
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    os.set_blocking(in_read, False)
    os.set_blocking(out_write, False)
    process = start("chat", "--endpoint", model_server.url, stdin=in_read, stdout=out_write, stderr=None)
    os.close(in_read)
    model_server.wait_for_requests(1)  # stdin is read, and empty, after the list of models
    os.write(in_write, b"go\n")
    os.close(in_write)
    until(lambda: not select.select([], [out_write], [], 0)[1], "the pipe is full")
    os.close(out_write)
    with open(out_read, "rb") as out:
        assert len(out.read()) == len("Assistant: ") + 300_000 + 1
    assert process.wait(60) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_version_reports_a_full_disk():
    with open("/dev/full", "wb") as full:
        process = start("--version", stdout=full)
        _, err = process.communicate(timeout=60)
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


def test_a_key_in_the_url_is_not_shown(model_server):
    outcome = run_kaito("chat", "--endpoint", f"{model_server.url}/?api-key=hunter2hunter2", "-m", "x", "--verbose")
    assert (outcome.code, outcome.out) == (0, "Assistant: x\n")
    assert model_server.chats[-1].target.endswith("?api-key=hunter2hunter2")
    assert "hunter2" not in outcome.err
    assert f"url: opened {model_server.url} (" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--help"], "\nPROGRAM chat --workspace-name my-llama"),
        (["chat", "--help"], "answer=$(PROGRAM chat --workspace-name my-llama"),
        (["chat", "--help"], "see 'PROGRAM plugins'"),
        (["config", "--help"], "'PROGRAM chat'"),
        (["chat", "--nope"], "See 'PROGRAM chat --help'"),
        (["chat", "--backend", "nope", "-m", "x"], "See 'PROGRAM plugins'"),
        (["chat", "--resume", "nope", "-m", "x"], "'PROGRAM history' lists them"),
        (["status"], "To chat without a cluster: 'PROGRAM chat"),
        (["deploy"], "See 'PROGRAM deploy --help'"),
    ],
)
def test_commands_are_named_as_the_user_has_started_kaito(tmp_path, arguments, shown):
    for file, program in (("kubectl-kaito", "kubectl kaito"), ("kaito", "kaito")):
        plugin = tmp_path / file
        plugin.write_text(f"#!{sys.executable}\nimport sys\nfrom kaito.cli import main\nsys.exit(main())\n")
        plugin.chmod(0o755)
        done = subprocess.run(
            [plugin, *arguments], env=child_environment({"COLUMNS": "200"}), capture_output=True, text=True, check=False
        )
        text = re.sub("\n +", "\n", done.stdout + done.stderr)
        assert shown.replace("PROGRAM", program) in text
        other = {"kaito": "kubectl kaito", "kubectl kaito": r"(?<!kubectl )\bkaito (?=chat|status|plugins|history)"}
        assert not re.search(other[program], text)


def test_the_help_lists_help():
    assert re.search("^  help +Show this help", run_kaito("--help").out, re.MULTILINE)
