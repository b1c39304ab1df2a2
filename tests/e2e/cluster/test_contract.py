"""The contract: its examples, sessions and errors, with `kaito` and `kubectl kaito`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kaito.testing import ModelServer, Say, kaito_command
from tests.e2e.pipes.contract import HELP

BANNER = "🤖 Connected to workspace: my-llama (llama-2-7b)\n💬 Type your message (or 'quit' to exit):\n"


@pytest.fixture(params=["kaito", "kubectl kaito"])
def program(request, monkeypatch):
    """Return the command, as a program and as a plugin of kubectl."""
    if request.param == "kaito":
        return kaito_command()
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    # kubectl looks for its plugins there.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return [kubectl, "kaito"]


@pytest.fixture
def run(program, namespace, monkeypatch):
    """Run a command line of the contract in the test's namespace."""
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig("admin")))

    def run(*arguments: str, stdin: str | None = None):
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, **source)

    return run


@pytest.fixture
def start(program, namespace, monkeypatch, terminal):
    """Start a session of the contract on a terminal."""
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig("admin")))
    return lambda *arguments: terminal([*program, *arguments], columns=120)


def seen(session) -> str:
    return "\n".join(line.rstrip() for line in session.transcript.rstrip().splitlines())


def where(namespace) -> str:
    """Return the line below the banner."""
    return f"(context test, namespace {namespace.name}, backend port-forward)"


def test_basic_session(start, namespace, server):
    hello = "Hello! I'm doing well, thank you for asking. How can I assist you today?"
    learning = "Machine learning is a subset of artificial intelligence (AI)."
    server.enqueue(Say(hello), Say(learning))
    namespace.workspace("my-llama", port=server.port)
    session = start("chat", "--workspace-name", "my-llama")
    session.wait_for("\n>", timeout=60)
    session.type("Hello! How are you?\n")
    session.wait_for(f"{hello}\n\n>")
    session.type("What is machine learning?\n")
    session.wait_for(f"{learning}\n\n>")
    session.type("quit\n")
    assert session.wait_exit() == 0
    assert seen(session) == (
        f"{BANNER}{where(namespace)}\n\n> Hello! How are you?\nAssistant: {hello}\n\n> What is machine learning?\nAssistant: {learning}\n\n"
        "> quit\n👋 Goodbye!"
    )


def test_session_with_commands(start, namespace, server):
    server.enqueue(Say("Hello! How can I help you today?"))
    namespace.workspace("my-llama", port=server.port)
    session = start("chat", "--workspace-name", "my-llama")
    session.wait_for("\n>", timeout=60)
    for line, answer in (
        ("help", "Show current configuration\n(/help shows more)\n\n>"),
        ("status", "System prompt: (none)\n"),
        ("clear", "cleared\n\n>"),
        ("Hello again!", "help you today?\n\n>"),
    ):
        session.type(f"{line}\n")
        session.wait_for(answer)
    session.type("quit\n")
    assert session.wait_exit() == 0
    text = seen(session)
    assert "\n".join(line.rstrip() for line in HELP.splitlines()) in text
    assert (
        "\nConfiguration:\n  Workspace: my-llama\n  Model: llama-2-7b\n  Temperature: 0.7\n  Max tokens: 1024\n"
        "  Top-p: 0.9\n  System prompt: (none)\n"
    ) in text
    assert (
        "> clear\n🗑️ Conversation history cleared\n\n> Hello again!\n"
        "Assistant: Hello! How can I help you today?\n\n> quit\n👋 Goodbye!"
    ) in text


def test_inference_parameters(run, namespace, server):
    namespace.workspace("my-llama", port=server.port)
    flags = ("--temperature", "0.5", "--max-tokens", "512")
    assert run("chat", "--workspace-name", "my-llama", *flags, stdin="hi\n").returncode == 0
    assert server.chats[0].body["temperature"] == 0.5
    assert server.chats[0].body["max_tokens"] == 512


def test_a_system_prompt(start, namespace, server):
    namespace.workspace("my-llama", port=server.port)
    session = start("chat", "--workspace-name", "my-llama", "--system-prompt", "You are a helpful coding assistant")
    session.wait_for("\n>", timeout=60)
    assert seen(session).startswith(
        "🤖 Connected to workspace: my-llama (llama-2-7b)\n"
        "🎯 System prompt: You are a helpful coding assistant\n"
        f"💬 Type your message (or 'quit' to exit):\n{where(namespace)}\n\n>"
    )


def test_pipe_input(run, namespace, server):
    server.enqueue(Say("Artificial Intelligence (AI) refers to the simulation of human intelligence."))
    namespace.workspace("my-llama", port=server.port)
    outcome = run("chat", "--workspace-name", "my-llama", stdin="What is AI?\n")
    expected = "Assistant: Artificial Intelligence (AI) refers to the simulation of human intelligence.\n"
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, expected, "")
    assert server.chats[0].last_message == "What is AI?"


def test_full_configuration(run, namespace, server):
    namespace.workspace("my-workspace", port=server.port)
    outcome = run(
        *("chat", "--workspace-name", "my-workspace", "--namespace", namespace.name),
        *("--system-prompt", "You are an expert in Kubernetes and cloud computing"),
        *("--temperature", "0.3", "--max-tokens", "2048", "--top-p", "0.95"),
        stdin="hi\n",
    )
    assert outcome.returncode == 0
    body = server.chats[0].body
    assert (body["temperature"], body["max_tokens"], body["top_p"]) == (0.3, 2048, 0.95)
    assert body["messages"][0] == {
        "role": "system",
        "content": "You are an expert in Kubernetes and cloud computing",
    }


def test_workspace_not_ready(run, namespace):
    namespace.workspace("my-workspace", ready=False)
    outcome = run("chat", "--workspace-name", "my-workspace", stdin="hi\n")
    assert (outcome.returncode, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith(
        "❌ Error: Workspace 'my-workspace' is not ready for inference\n"
        "   Use 'kubectl kaito status --workspace-name my-workspace' to check status\n"
    )
    status = run("status", "--workspace-name", "my-workspace")
    assert status.returncode == 3
    assert "my-workspace" in status.stdout


def test_connection_issues(run, namespace):
    namespace.workspace("my-workspace", port=None)
    outcome = run("chat", "--workspace-name", "my-workspace", stdin="hi\n")
    assert (outcome.returncode, outcome.stdout) == (4, "")
    assert outcome.stderr.startswith(
        "❌ Error: Unable to connect to workspace endpoint\n"
        f"   Endpoint: http://my-workspace.{namespace.name}.svc.cluster.local/chat/completions\n"
        "   Please check if the workspace is running and accessible\n"
    )


def test_model_errors(run, namespace):
    with ModelServer(model="llama-2-7b", window=1024) as server:
        namespace.workspace("my-llama", port=server.port)
        outcome = run("chat", "--workspace-name", "my-llama", stdin="word " * 1500 + "\n")
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(
        "❌ Model Error: Input too long (1500 tokens > 1024 max)\n"
        "   Try reducing your message length or increasing --max-tokens\n"
    )


def test_troubleshooting(run, namespace, server):
    namespace.workspace("my-workspace", port=server.port)
    status = run("status", "--workspace-name", "my-workspace")
    assert (status.returncode, status.stderr) == (0, "")
    endpoint = run("get-endpoint", "--workspace-name", "my-workspace")
    assert endpoint.returncode == 0
    assert endpoint.stdout == f"http://my-workspace.{namespace.name}.svc.cluster.local\n"
    assert "inside the cluster only" in endpoint.stderr


def test_where_the_chat_is(run, namespace, server):
    namespace.workspace("my-llama", port=server.port)
    outcome = run("chat", "--workspace-name", "my-llama", "--verbose", stdin="/status\n")
    assert f"\n  Context: test\n  Namespace: {namespace.name}\n  Endpoint: http" in outcome.stdout
    assert "\n  Backend: port-forward\n" in outcome.stdout
    assert f" (context test, namespace {namespace.name}) (" in outcome.stderr
    text = run("status", "--workspace-name", "my-llama").stdout
    assert f"\nNamespace:      {namespace.name}\nContext:        test\n" in text
