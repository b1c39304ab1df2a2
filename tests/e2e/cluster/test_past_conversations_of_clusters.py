"""Which conversation `--continue` and `--resume` continue, against a real API server."""

from __future__ import annotations

import json

import pytest

from kaito.history.library import Library
from kaito.testing import run_kaito
from tests.controlplane import Namespace


@pytest.fixture
def library(clean_environment):
    return Library(clean_environment / ".local" / "state" / "kaito")


@pytest.fixture
def elsewhere(control_plane, start_model_server):
    """Yield another namespace with a workspace of the same name, and its server."""
    with Namespace(control_plane) as namespace:
        server = start_model_server()
        namespace.workspace("my-llama", port=server.port)
        yield namespace, server


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace("my-llama", port=server.port)


def chat(namespace, *arguments, name="my-llama"):
    return run_kaito("chat", "--kubeconfig", namespace.kubeconfig(), "--workspace-name", name, *arguments)


def texts(server):
    return [message["content"] for message in server.chats[-1].messages]


def test_continue_is_for_the_same_namespace_whatever_the_backend(namespace, workspace, server, elsewhere, library):
    assert chat(namespace, "--backend", "port-forward", "-m", "one").code == 0
    [info] = library.find()
    assert (info.origin.workspace, info.origin.kind) == ("my-llama", "workspace")
    assert (info.origin.namespace, info.origin.context) == (namespace.name, "test")
    outcome = chat(namespace, "--backend", "api-proxy", "--continue", "-m", "two")
    assert (outcome.code, outcome.out) == (0, "Assistant: two\n")
    assert texts(server) == ["one", "one", "two"]
    other, other_server = elsewhere
    outcome = chat(other, "--continue", "-m", "three")
    assert outcome.code == 3
    assert outcome.err.splitlines() == [
        f"❌ Error: There is no conversation with my-llama (namespace {other.name}, context test) to continue",
        "   Conversations with another server of this name can be continued there:",
        f"   my-llama (namespace {namespace.name}, context test): one",
        f"     kaito chat --resume {info.id}",
    ]
    assert other_server.chats == []


def test_resume_finds_the_recorded_cluster(namespace, workspace, server, elsewhere, library):
    chat(namespace, "-m", "one")
    [info] = library.find()
    where = f"workspace my-llama (namespace {namespace.name}, context test)"
    # No kubeconfig is given: it is that of the conversation.
    outcome = run_kaito("chat", "--resume", info.id, "-m", "two")
    assert (outcome.code, outcome.out) == (0, "Assistant: two\n")
    assert f"with {where}, model llama-2-7b: one)" in outcome.err
    assert "is sent to" not in outcome.err
    other, other_server = elsewhere
    outcome = chat(other, "--resume", info.id, "-m", "three")
    assert outcome.code == 0
    there = f"workspace my-llama (namespace {other.name}, context test)"
    assert f"(its text, which was with {where}, is sent to {there} from now on)" in outcome.err
    assert texts(other_server) == ["one", "one", "two", "two", "three"]
    assert len(server.chats) == 2


def test_resume_finds_the_recorded_place_whatever_is_configured(
    namespace, workspace, server, elsewhere, library, clean_environment
):
    chat(namespace, "-m", "one")
    [info] = library.find()
    other, other_server = elsewhere
    folder = clean_environment / ".config/kaito"
    folder.mkdir(parents=True)
    (folder / "key").write_text("sesame")
    resume = ["chat", "--resume", info.id, "-m", "two"]
    places = (f"namespace = '{other.name}'", "context = 'prod'", f"kubeconfig = '{other.kubeconfig()}'")
    for place in (*places, f"workspace-name = 'my-llama'\n{places[0]}", "workspace-name = 'my-phi'"):
        (folder / "config.toml").write_text(f"[defaults]\n{place}\n")
        outcome = run_kaito(*resume)
        assert (outcome.code, outcome.out) == (0, "Assistant: two\n"), place
        (folder / "config.toml").write_text(f"[defaults]\n{place}\napi-key-file = 'key'\n")
        outcome = run_kaito(*resume)
        assert outcome.code == 2, place
        assert "was with another server than the one that 'api-key-file' is for" in outcome.err
    assert other_server.chats == []
    # The key of its own place is sent.
    for place in (
        f"namespace = '{namespace.name}'",
        f"kubeconfig = '{namespace.kubeconfig()}'\nworkspace-name = 'my-llama'",
    ):
        (folder / "config.toml").write_text(f"[defaults]\n{place}\napi-key-file = 'key'\n")
        assert run_kaito(*resume).code == 0, place
        assert server.chats[-1].headers["authorization"] == "Bearer sesame"


def test_a_context_that_now_leads_to_another_cluster_is_refused(namespace, workspace, server, library, tmp_path):
    # The same API server under another name is another server for all that kaito can know.
    file = tmp_path / "config"
    config = json.loads(namespace.kubeconfig().read_text())
    file.write_text(json.dumps(config))
    first = ["chat", "--kubeconfig", file, "--workspace-name", "my-llama"]
    assert run_kaito(*first, "-m", "one").code == 0
    [info] = library.find()
    config["clusters"][0]["cluster"]["server"] += "/"
    config["clusters"][0]["cluster"]["server"] = config["clusters"][0]["cluster"]["server"].replace(
        "127.0.0.1", "localhost"
    )
    file.write_text(json.dumps(config))
    outcome = run_kaito("chat", "--resume", info.id, "-m", "two")
    assert outcome.code == 2
    assert f"--resume: {info.id} was with another server than the one that is now my-llama" in outcome.err
    assert run_kaito(*first, "--continue", "-m", "two").code == 3
    assert len(server.chats) == 1
    outcome = run_kaito(*first, "--resume", info.id, "-m", "two")
    assert outcome.code == 0
    assert "is sent to" in outcome.err


def test_a_replica_s_conversation_belongs_to_its_set(namespace, server, library):
    namespace.inference_set("my-set", {"my-set-1": server.port})
    assert chat(namespace, "-m", "one", name="inferenceset/my-set").code == 0
    [info] = library.find()
    assert (info.origin.workspace, info.origin.kind, info.origin.name) == (
        "my-set",
        "inferenceset",
        "inferenceset/my-set",
    )
    assert run_kaito("chat", "--resume", info.id, "-m", "two").code == 0
    assert texts(server) == ["one", "one", "two"]
