"""The examples of the README and the guide, run: see tests/examples.py for the rules."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import tomllib
from pathlib import Path

import pytest

from kaito.testing import ModelServer, Say, TerminalSession, child_environment, echo, kaito_command
from tests.controlplane import Namespace
from tests.examples import SHELLS, examples, is_endless, needs_terminal, write_config, write_files

#: The `sh` of the documentation is the shell of a terminal.
PROGRAMS = {"sh": ["bash", "-euo", "pipefail"], "zsh": ["zsh", "-e"], "fish": ["fish"]}
TIMEOUT = 120.0


def answer(request):
    """Return JSON when it is asked for, and otherwise the message."""
    return Say('{"items": ["apple", "apple"]}') if "response_format" in request.body else echo(request)


@pytest.fixture(scope="module")
def examples_server():
    """Yield the server of all models."""
    with ModelServer(model="llama-2-7b", default=answer) as server:
        yield server


@pytest.fixture(scope="module")
def team(control_plane, examples_server):
    """Yield the namespace that the examples name, with their workspaces."""
    with Namespace(control_plane, "team-a") as namespace:
        namespace.workspace("my-llama", port=examples_server.port)
        namespace.workspace("my-phi", port=examples_server.port, preset="phi-4-mini-instruct")
        namespace.inference_set("my-set", {"my-set-a": examples_server.port})
        yield namespace


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the folder to run in: the home folder, with the files that examples name, and programs in `bin`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("EDITOR", "true")
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
def prepare(home, team, examples_server, kaito):
    """Return a function that returns the command that runs the code of an example, and its environment."""

    def prepare(example, code):
        if example.config:
            write_config(home / ".config", example.config)
        # Servers on this machine, and elsewhere.
        for url in ("http://localhost:8080", "http://127.0.0.1:8080", "https://models.example.com"):
            code = code.replace(url, examples_server.url)
        # Only one kubectl-kaito is installed.
        folders = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, "kubectl-kaito").exists()]
        if re.search(r"7k3mq9xd|--continue|--resume", code):
            kubeconfig = str(team.kubeconfig("admin", "production"))
            kept = kaito("chat", "--kubeconfig", kubeconfig, "--workspace-name", "my-llama", "-m", "A rolling update")
            assert kept.code == 0, kept.err
            [conversation] = json.loads(kaito("history", "-o", "json").out)
            id = conversation["id"]
            code = re.sub("7k3mq9xd|7k3", lambda shown: id if shown[0] == "7k3mq9xd" else id[:6], code)
        path = os.pathsep.join([str(home / "bin"), *folders])
        command = [*PROGRAMS.get(example.language, PROGRAMS["sh"]), "-c", code]
        return command, {
            "PATH": path,
            "KUBECONFIG": str(team.kubeconfig("admin", "production")),
            # Another test, or another program, may use the default port.
            "KAITO_FORWARD_PORT": "0",
        }

    return prepare


@pytest.fixture
def run(home, prepare):
    """Return a function that runs the code of an example, and returns its process."""

    def run(example, code):
        command, environment = prepare(example, code)
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
            env=child_environment(environment),
            start_new_session=True,
        )

    return run


@pytest.mark.parametrize("example", [each for each in examples(*SHELLS) if each.rule != "not run"], ids=str)
def test_example(example, run, prepare, home):
    if shutil.which(PROGRAMS[example.language][0]) is None:
        pytest.skip(f"{example.language} is not installed")
    if "kubectl " in example.code and shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    for part in example.parts:
        if needs_terminal(part):
            command, environment = prepare(example, part)
            with TerminalSession(command, env=environment, cwd=home) as session:
                assert session.wait_exit() == 0, session.screen
            continue
        process = run(example, part)
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


@pytest.mark.parametrize("example", examples("console"), ids=str)
def test_commands_with_output(example, run):
    for turn in re.split(r"^\$ ", example.code, flags=re.MULTILINE)[1:]:
        command, _, expected = turn.partition("\n")
        process = run(example, command)
        with killed_after(TIMEOUT, process):
            output = process.stdout.read()
            process.wait()
        pattern = re.escape(expected.rstrip()).replace(r"\.\.\.", "(.*\n)*.*")
        assert re.fullmatch(pattern, re.sub(r" +$", "", output.rstrip(), flags=re.MULTILINE)), output


@pytest.mark.parametrize("example", examples("toml"), ids=str)
def test_a_configuration(example, kaito, home):
    write_config(home / ".config", example.code)
    for name in tomllib.loads(example.code).get("profiles", {"": {}}):
        outcome = kaito("config", *(["--profile", name] if name else []))
        assert (outcome.code, outcome.err) == (0, "")


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
