"""SIGINT, SIGTERM and SIGHUP at moments in which a command waits or works: each ends it at once and quietly."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaito.errors import ExitCode
from kaito.eventloop.termination import GRACE
from kaito.testing import child_environment, kaito_command
from tests.controlplane.waiting import until
from tests.e2e.pipes.hostile_server import ANSWERS, HostileServer

#: Seconds within which it has to end: sooner than the end of one that hangs, which is forced. It takes a tenth of that;
#: a busy machine needs longer.
LIMIT = GRACE - 0.5
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
#: Sent by nobody but these tests.
SILENT = ["status", "--workspace-name", "w"]

#: What an exec plugin does after it has written its process id.
PLUGINS = {
    "runs": "time.sleep(600)",
    "prints for ever": "print('x' * 1000, flush=True); time.sleep(600)",
    "ignores signals": "[signal.signal(n, signal.SIG_IGN) for n in (2, 15, 1)]; time.sleep(600)",
    "has a child": "import subprocess; subprocess.run(['sleep', '600'])",
    "leaves a child": "import subprocess; subprocess.Popen(['sleep', '600'], stdin=subprocess.DEVNULL)",
    "has closed its output": "os.close(1); time.sleep(600)",
}


class Moments:
    """Starts commands, and waits until they have reached a moment.

    Args:
        folder: for files.
        stack: undone at the end of the test.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = self._folder = folder
        self._stack = stack
        self.pids: list[int] = []

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL, **environ: str) -> subprocess.Popen[bytes]:
        """Start a command with variables."""
        streams = {"stdin": stdin, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process: subprocess.Popen[bytes]
        process = subprocess.Popen(kaito_command(*arguments), env=child_environment(environ), **streams)  # type: ignore[call-overload]
        self._stack.callback(_end, process)
        return process

    def api_server(self, answer: str, *arguments: str) -> subprocess.Popen[bytes]:
        """The API server answers in a hostile way."""
        server = self._stack.enter_context(HostileServer(answer))
        process = self.start(*arguments, KUBECONFIG=str(server.kubeconfig(self._folder / "config")))
        assert server.reached.wait(60)
        return process

    def model_server(self, answer: str) -> subprocess.Popen[bytes]:
        """The model's server answers in a hostile way."""
        server = self._stack.enter_context(HostileServer(answer))
        process = self.start("chat", "--endpoint", server.url, "-m", "x", "--no-stdin")
        assert server.reached.wait(60)
        return process

    def plugin(self, body: str, *arguments: str) -> subprocess.Popen[bytes]:
        """An exec plugin does something that takes long."""
        program, pid = self._folder / "plugin", self._folder / "pid"
        program.write_text(
            f"#!{sys.executable}\nimport os, signal, sys, time\n"
            f"open({str(pid)!r} + '.new', 'w').write(str(os.getpid()))\nos.rename({str(pid)!r} + '.new', {str(pid)!r})\n{body}\n"
        )
        program.chmod(0o755)
        server = self._stack.enter_context(HostileServer("silence"))
        user = "{exec: {command: ./plugin, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}"
        process = self.start(*arguments, KUBECONFIG=str(server.kubeconfig(self._folder / "config", user)))
        until(pid.exists, "the plugin runs")
        self.pids.append(int(pid.read_text()))
        return process

    def pipe(self, name: str) -> Path:
        """Return a named pipe into which somebody may write, but does not."""
        path = self._folder / name
        os.mkfifo(path)
        self._stack.callback(os.close, os.open(path, os.O_RDWR))
        return path


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


@pytest.fixture
def moments(tmp_path: Path) -> Iterator[Moments]:
    with contextlib.ExitStack() as stack:
        yield Moments(tmp_path, stack)


def ends(process: subprocess.Popen[bytes], number: signal.Signals, *others: int) -> None:
    """Send a signal, and check that it ends the process soon and quietly.

    Args:
        others: exit codes with which it may have ended already.
    """
    began = time.monotonic()
    process.send_signal(number)
    code = process.wait(60)
    taken = time.monotonic() - began
    assert process.stderr is not None
    err = process.stderr.read().decode()
    assert code in (CODES[number], *others), err
    for word in ("Traceback", "Unknown child", "bug", "never retrieved", "Exception ignored", "Task"):
        assert word not in err
    assert taken < LIMIT, f"{taken:.2f} s"


signals = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)


@signals
@pytest.mark.parametrize("command", [SILENT, ["chat", "--workspace-name", "w", "-m", "x"]], ids=["status", "chat"])
@pytest.mark.parametrize("does", PLUGINS)
def test_while_an_exec_plugin_works(moments, number, does, command):
    process = moments.plugin(PLUGINS[does], *command)
    ends(process, number)
    [pid] = moments.pids
    until(lambda: not _exists(pid), "the plugin has ended")


def refused(number: int) -> tuple[int, ...]:
    """Return how a command may end that has refused an answer already: the signal may meet a process that is ending."""
    return ExitCode.FAILED, ExitCode.UNREACHABLE, -number


@signals
@pytest.mark.parametrize("answer", [answer for answer in ANSWERS if answer != "endless events"])
def test_while_the_api_server_answers(moments, number, answer):
    process = moments.api_server(answer, *SILENT)
    ends(process, number, *refused(number))


@signals
@pytest.mark.parametrize("answer", ANSWERS)
def test_while_the_models_server_answers(moments, number, answer):
    process = moments.model_server(answer)
    ends(process, number, *refused(number))


@signals
@pytest.mark.parametrize("command", [SILENT, ["chat", "--workspace-name", "w", "-m", "x"]], ids=["status", "chat"])
def test_while_the_kubeconfig_is_read(moments, number, command):
    pipe = moments.pipe("config")
    process = moments.start(*command, KUBECONFIG=str(pipe))
    until(lambda: _reads(process.pid, pipe), "the pipe is open")
    ends(process, number)


@signals
@pytest.mark.parametrize("arguments", [[], ["-m", "-"], ["-m", "x"]], ids=["a script", "a message", "material"])
def test_while_stdin_waits(moments, number, arguments, model_server):
    process = moments.start("chat", "--endpoint", model_server.url, *arguments, stdin=subprocess.PIPE)
    # More than the pipe holds: what is written has begun to be read.
    process.stdin.write(b"x" * 200_000)
    process.stdin.flush()
    ends(process, number)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _reads(pid: int, path: Path) -> bool:
    folder = Path(f"/proc/{pid}/fd")
    with contextlib.suppress(OSError):
        return any(os.path.realpath(file) == str(path) for file in folder.iterdir())
    return False


@pytest.mark.parametrize("body", ["print('garbage')", "sys.exit(3)", "print('{\"kind\": ' * 100_000)"])
def test_a_plugin_that_fails_answers_all_requests(moments, body):
    count = moments.folder / "count"
    process = moments.plugin(f"open({str(count)!r}, 'a').write('x'); time.sleep(0.3); {body}", *SILENT)
    assert process.wait(60) == ExitCode.FORBIDDEN
    err = process.stderr.read().decode()
    assert err.count("❌ Error: The credential plugin './plugin'") == 1
    assert "child" not in err
    # All requests that failed at once had waited for one run.
    assert count.read_text() == "x"
