"""The examples of the README and the guide, run: see tests/examples.py for the rules."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from kaito.testing import Say, child_environment, echo, kaito_command
from tests.examples import SHELLS, examples, is_endless, write_files

#: The `sh` of the documentation is the shell of a terminal.
PROGRAMS = {"sh": ["bash", "-euo", "pipefail"], "zsh": ["zsh", "-e"], "fish": ["fish"]}
TIMEOUT = 120.0


def answer(request):
    """Return JSON when it is asked for, and otherwise the message."""
    return Say('{"items": ["apple", "apple"]}') if "response_format" in request.body else echo(request)


@pytest.fixture
def home(tmp_path, clean_environment):
    """Return the folder to run in: with the files that examples name, and programs in `bin`."""
    write_files(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    kubectl = shutil.which("kubectl")
    lines = {
        "kaito": f'exec {shlex.join(kaito_command())} "$@"',
        "kubectl-kaito": f'exec {shlex.join(kaito_command())} "$@"',
        # There is no kubelet that has a log.
        "kubectl": f'[ "$1" != logs ] || exec echo "exit code 137"\nexec {kubectl} "$@"',
    }
    for name, line in lines.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def run(home, namespace, server):
    """Return a function that runs the code of an example, and returns its process."""
    server.default = answer
    namespace.workspace("my-llama", port=server.port)
    namespace.workspace("my-phi", port=server.port, preset="phi-4-mini-instruct")
    namespace.inference_set("my-set", {"my-set-a": server.port})

    def run(language, code):
        # Servers on this machine, and elsewhere.
        for url in ("http://localhost:8080", "http://127.0.0.1:8080", "https://models.example.com"):
            code = code.replace(url, server.url)
        # Only one kubectl-kaito is installed.
        folders = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, "kubectl-kaito").exists()]
        path = os.pathsep.join([str(home / "bin"), *folders])
        return subprocess.Popen(
            [*PROGRAMS[language], "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            env=child_environment({"PATH": path, "KUBECONFIG": str(namespace.kubeconfig())}),
            start_new_session=True,
        )

    return run


@pytest.mark.parametrize("example", [each for each in examples(*SHELLS) if each.rule != "not run"], ids=str)
def test_example(example, run):
    if shutil.which(PROGRAMS[example.language][0]) is None:
        pytest.skip(f"{example.language} is not installed")
    for part in example.parts:
        process = run(example.language, part)
        with killed_after(TIMEOUT, process):
            first = ""
            if is_endless(part):
                first = process.stdout.readline()
                os.killpg(process.pid, signal.SIGINT)
            output = first + process.stdout.read()
            code = process.wait()
        expected = {0, 130, -signal.SIGINT} if is_endless(part) else {int(example.rule[-1:] or 0)}
        assert code in expected, f"{part}\n{output}"
        assert "bug in kaito" not in output


@contextlib.contextmanager
def killed_after(seconds, process):
    """Kill a process and its children if it does not end in time."""
    timer = threading.Timer(seconds, lambda: os.killpg(process.pid, signal.SIGKILL))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.stdout.close()


@pytest.mark.parametrize("example", [each for each in examples("text") if each.code.startswith("> ")], ids=str)
def test_session(example, start, server):
    turns = [turn.partition("\n") for turn in example.code.removeprefix("> ").rstrip().split("\n> ")]
    server.enqueue(*(Say(shown.strip()[11:]) for _, _, shown in turns if shown.startswith("Assistant: ")))
    session = start(columns=120)
    for place, (typed, _, _) in enumerate(turns, 1):
        session.wait_for("\n>", count=place)
        session.type(f"{typed}\n")
    session.wait_for(example.code.rstrip())
