"""The backend port-forward, by the process, against a real API server."""

from __future__ import annotations

import base64
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from kaito.testing import Gate, Hang, ModelServer, Say, kaito_command, run_kaito
from tests.controlplane import ApiClient, ApiRefusal, until


@pytest.fixture
def server():
    with ModelServer(model="llama-2-7b") as server:
        yield server


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace("my-llama", port=server.port)


def arguments(kubeconfig: Path, *more: str) -> tuple[str, ...]:
    flags = ("--kubeconfig", str(kubeconfig), "--workspace-name", "my-llama", *more)
    return ("chat", "--backend", "port-forward", *flags)


@pytest.fixture
def chat(terminal, namespace, workspace):
    """Start a chat on a terminal and wait for its prompt."""

    def chat(*more: str, kubeconfig: Path | None = None, **options):
        command = kaito_command(*arguments(kubeconfig or namespace.kubeconfig("admin"), *more))
        session = terminal(command, columns=120, **options)
        session.wait_for("\n>", timeout=20)
        return session

    return chat


def ask(session, text: str, answer: str, timeout: float = 20.0) -> None:
    session.type(f"{text}\n")
    session.wait_for(f"Assistant: {answer}\n\n>", timeout=timeout)


def test_a_message(namespace, workspace):
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin")), "-m", "hello there")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: hello there\n", "")


def test_the_contract_s_words(chat):
    session = chat()
    assert session.transcript.startswith("🤖 Connected to workspace: my-llama (llama-2-7b)\n💬 Type your message")
    session.type("/status\n")
    session.wait_for("Answered by: pod my-llama-0")
    session.type("quit\n")
    assert session.wait_exit() == 0


def test_what_is_loaded_for_it(namespace, workspace):
    """None of the Kubernetes client's generated classes: one of them takes a second to import."""
    plugin = Path(__file__).parent / "modules_plugin.py"
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin"), "--plugin", str(plugin)), "-m", "hi")
    assert outcome.code == 0
    loaded = outcome.err.split()
    assert "kubernetes.aio.config.kube_config" in loaded
    assert [name for name in loaded if ".models." in name or ".api." in name] == []


def test_many_turns(chat):
    session = chat()
    for turn in range(5):
        ask(session, f"turn {turn}", f"turn {turn}")


def test_a_pod_replaced_while_idle(chat, workspace, server):
    session = chat()
    ask(session, "one", "one")
    with ModelServer(model="llama-2-7b") as second:
        workspace.replace_pod(second.port)
        ask(session, "two", "two")
        ask(session, "three", "three")
        assert [chat.last_message for chat in second.chats] == ["two", "three"]
    told = "The pod was replaced: pod my-llama-0 answers now"
    assert session.transcript.count(told) == 1


def test_a_pod_deleted_in_mid_answer(chat, workspace, server):
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
        session.wait_for("Assistant: again\n\n>", timeout=5)
        assert second.chats[-1].messages == [{"role": "user", "content": "again"}]


def test_a_pod_that_is_evicted(chat, namespace, workspace, control_plane):
    session = chat()
    ask(session, "one", "one")
    control_plane.client.patch_status(workspace.pod, {"phase": "Failed", "reason": "Evicted"})
    with ModelServer(model="llama-2-7b") as second:
        workspace.replace_pod(second.port)
        ask(session, "two", "two")


def test_the_api_server_is_stopped_and_started(chat, control_plane, workspace):
    session = chat()
    ask(session, "one", "one")
    control_plane.stop_api()
    try:
        session.type("two\n")
        session.wait_for("waiting for the API server")
    finally:
        control_plane.start_api()
    session.wait_for("Assistant: two\n\n>", timeout=20)
    ask(session, "three", "three")


def test_credentials_that_end_in_between(chat, control_plane, namespace, workspace, tmp_path):
    """A plugin that tells no expiry is asked again when what it gave is refused."""

    def issue(valid: timedelta) -> Path:
        path: Path = control_plane.user(groups=["system:masters"], valid_for=valid)
        user = json.loads(path.read_text())["users"][0]["user"]
        pems = {name: base64.b64decode(user[f"{given}-data"]).decode() for name, given in _GIVEN}
        credential = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": pems}
        (tmp_path / "credential").write_text(json.dumps(credential))
        return path

    first = issue(timedelta(seconds=6))
    config = json.loads(namespace.kubeconfig("admin").read_text())
    program = f"open({str(tmp_path / 'asked')!r}, 'a').write('x'); print(open({str(tmp_path / 'credential')!r}).read())"
    plugin = {"command": sys.executable, "args": ["-c", program], "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **plugin}}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    session = chat(kubeconfig=kubeconfig)
    ask(session, "one", "one")
    issue(timedelta(hours=1))
    with ModelServer(model="llama-2-7b") as second:
        until(lambda: _is_refused(first), "the first certificate has ended", timeout=15)
        workspace.replace_pod(second.port)
        ask(session, "two", "two")
    assert (tmp_path / "asked").read_text() == "xx"


_GIVEN = (("clientCertificateData", "client-certificate"), ("clientKeyData", "client-key"))


def _is_refused(kubeconfig: Path) -> bool:
    try:
        ApiClient(kubeconfig).request("GET", "/api")
    except ApiRefusal as exc:
        return exc.status == 401
    return False


def test_a_server_that_accepts_and_says_nothing(namespace, workspace, server):
    server.enqueue(Hang())
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin"), "--idle-timeout", "1"), "-m", "hi")
    assert outcome.code == 4
    assert "said nothing for 1 s (--idle-timeout)" in outcome.err


def test_nothing_listens_in_the_pod(namespace, control_plane):
    namespace.workspace("my-llama", port=None)
    outcome = run_kaito(*arguments(namespace.kubeconfig("admin")), "-m", "hi")
    assert outcome.code == 4
    assert outcome.err.startswith("❌ Error: Unable to connect to workspace endpoint\n")
    assert "refused" in outcome.err


def test_without_the_permission(namespace, workspace):
    outcome = run_kaito(*arguments(namespace.kubeconfig("viewer")), "-m", "hi")
    assert outcome.code == 5
    assert "User 'viewer' may not get pods/portforward" in outcome.err


def test_a_replica_of_an_inference_set_and_another_when_it_goes(terminal, namespace, server):
    with ModelServer(model="llama-2-7b") as second:
        replicas = namespace.inference_set("phi-set", {"phi-set-a": server.port, "phi-set-b": second.port})
        command = arguments(namespace.kubeconfig("admin"))
        flags = [word if word != "my-llama" else "inferenceset/phi-set" for word in command]
        session = terminal(kaito_command(*flags), columns=120)
        session.wait_for("\n>", timeout=20)
        assert "Connected to workspace: inferenceset/phi-set (llama-2-7b)" in session.transcript
        ask(session, "one", "one")
        replicas["phi-set-a"].set_ready(False)
        replicas["phi-set-a"].delete_pod()
        ask(session, "two", "two")
        assert "Pod phi-set-a-0 has gone: pod phi-set-b-0 answers now" in session.transcript
        session.type("/status\n")
        session.wait_for("Answered by: pod phi-set-b-0")
        assert [chat.last_message for chat in second.chats] == ["two"]
