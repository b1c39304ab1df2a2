"""The backend port-forward in a process, against a real API server."""

from __future__ import annotations

import base64
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from kaito.testing import Gate, Hang, ModelServer, Say, kaito_command, run_kaito
from tests.controlplane import ApiClient, ApiError, until


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace("my-llama", port=server.port)


def arguments(kubeconfig: Path, *more: str) -> tuple[str, ...]:
    flags = ("--kubeconfig", str(kubeconfig), "--workspace-name", "my-llama", *more)
    return ("chat", "--backend", "port-forward", *flags)


@pytest.fixture
def chat(terminal, namespace, workspace):
    """Return a function that starts a chat on a terminal and waits for its prompt."""

    def chat(*more: str, kubeconfig: Path | None = None, **options):
        command = kaito_command(*arguments(kubeconfig or namespace.kubeconfig("admin"), *more))
        session = terminal(command, columns=120, **options)
        session.wait_for("\n>", timeout=60)
        return session

    return chat


def ask(session, text: str, answer: str, timeout: float = 60.0) -> None:
    session.type(f"{text}\n")
    session.wait_for(f"Assistant: {answer}\n\n>", timeout=timeout)


def test_message(namespace, workspace):
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin")), "-m", "hello there")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: hello there\n", "")


def test_banner_and_status(chat):
    session = chat()
    assert session.transcript.startswith("🤖 Connected to workspace: my-llama (llama-2-7b)\n💬 Type your message")
    session.type("/status\n")
    session.wait_for("Answered by: pod my-llama-0")
    session.type("quit\n")
    assert session.wait_exit() == 0


def test_several_turns(chat):
    session = chat()
    for turn in range(5):
        ask(session, f"turn {turn}", f"turn {turn}")


def test_pod_replaced_between_turns(chat, workspace, server):
    session = chat()
    ask(session, "one", "one")
    with ModelServer(model="llama-2-7b") as second:
        workspace.replace_pod(second.port)
        ask(session, "two", "two")
        ask(session, "three", "three")
        assert [chat.last_message for chat in second.chats] == ["two", "three"]
    notice = "The pod was replaced: pod my-llama-0 answers now"
    assert session.transcript.count(notice) == 1


def test_pod_deleted_during_an_answer(chat, workspace, server):
    session = chat()
    gate = Gate()
    server.enqueue(Say(chunks=["Once upon", gate, " a time"]))
    session.type("tell me\n")
    session.wait_for("Once upon")
    workspace.delete_pod()
    session.wait_for("The stream ended early")
    session.wait_for("\n>")
    gate.open()
    with ModelServer(model="llama-2-7b") as second:
        session.type("again\n")
        session.wait_for("waiting for a pod of my-llama")
        workspace.create_pod(second.port)
        session.wait_for("Assistant: again\n\n>", timeout=30)
        assert second.chats[-1].messages == [{"role": "user", "content": "again"}]


def test_pod_is_evicted(chat, namespace, workspace, control_plane):
    session = chat()
    ask(session, "one", "one")
    control_plane.client.patch_status(workspace.pod, {"phase": "Failed", "reason": "Evicted"})
    with ModelServer(model="llama-2-7b") as second:
        workspace.replace_pod(second.port)
        ask(session, "two", "two")


def test_api_server_is_restarted(chat, control_plane, workspace):
    session = chat()
    ask(session, "one", "one")
    control_plane.stop_api()
    try:
        session.type("two\n")
        session.wait_for("waiting for the API server")
    finally:
        control_plane.start_api()
    session.wait_for("Assistant: two\n\n>", timeout=60)
    ask(session, "three", "three")


def test_certificate_of_a_plugin_expires(chat, control_plane, namespace, workspace, tmp_path):
    """A plugin without an expiry runs again when its certificate is rejected."""

    def issue(valid: timedelta) -> Path:
        path: Path = control_plane.user(groups=["system:masters"], valid_for=valid)
        user = json.loads(path.read_text())["users"][0]["user"]
        pems = {name: base64.b64decode(user[f"{field}-data"]).decode() for name, field in _FIELDS}
        credential = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": pems}
        (tmp_path / "credential").write_text(json.dumps(credential))
        return path

    first = issue(timedelta(seconds=20))
    config = json.loads(namespace.kubeconfig("admin").read_text())
    program = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); print(open({str(tmp_path / 'credential')!r}).read())"
    plugin = {"command": sys.executable, "args": ["-c", program], "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **plugin}}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    session = chat(kubeconfig=kubeconfig)
    ask(session, "one", "one")
    issue(timedelta(hours=1))
    with ModelServer(model="llama-2-7b") as second:
        until(lambda: _is_rejected(first), "the first certificate has expired")
        workspace.replace_pod(second.port)
        ask(session, "two", "two")
    assert (tmp_path / "runs").read_text() == "xx"


_FIELDS = (("clientCertificateData", "client-certificate"), ("clientKeyData", "client-key"))


def _is_rejected(kubeconfig: Path) -> bool:
    try:
        ApiClient(kubeconfig).request("GET", "/api")
    except ApiError as exc:
        return exc.status == 401
    return False


def test_idle_timeout(namespace, workspace, server):
    server.enqueue(Hang())
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin"), "--idle-timeout", "1"), "-m", "hi")
    assert outcome.code == 4
    assert "sent nothing for 1 s (--idle-timeout)" in outcome.err


def test_pod_that_refuses_connections(namespace, control_plane):
    namespace.workspace("my-llama", port=None)
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin")), "-m", "hi")
    assert outcome.code == 4
    assert outcome.err.startswith("❌ Error: Unable to connect to workspace endpoint\n")
    assert "refused" in outcome.err


def test_user_without_permission(namespace, workspace):
    outcome = run_kaito(*arguments(namespace.kubeconfig("viewer")), "-m", "hi")
    assert outcome.code == 5
    assert "User 'viewer' may not get pods/portforward" in outcome.err


def test_another_replica_of_an_inference_set(terminal, namespace, server):
    with ModelServer(model="llama-2-7b") as second:
        replicas = namespace.inference_set("phi-set", {"phi-set-a": server.port, "phi-set-b": second.port})
        command = arguments(namespace.kubeconfig("admin"))
        flags = [word if word != "my-llama" else "inferenceset/phi-set" for word in command]
        session = terminal(kaito_command(*flags), columns=120)
        session.wait_for("\n>", timeout=60)
        assert "Connected to workspace: inferenceset/phi-set (llama-2-7b)" in session.transcript
        ask(session, "one", "one")
        replicas["phi-set-a"].set_ready(False)
        replicas["phi-set-a"].delete_pod()
        ask(session, "two", "two")
        assert "Pod phi-set-a-0 no longer exists: pod phi-set-b-0 answers now" in session.transcript
        session.type("/status\n")
        session.wait_for("Answered by: pod phi-set-b-0")
        assert [chat.last_message for chat in second.chats] == ["two"]
