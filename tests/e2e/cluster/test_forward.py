"""`kaito forward` in front of a cluster: restarts, and the distribution of connections over replicas."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from urllib.parse import urlsplit

import pytest

from kaito.testing import Gate, Say
from tests.controlplane import until
from tests.e2e.background_process import Forward


@pytest.fixture
def server(start_model_server):
    return start_model_server("one")


@pytest.fixture
def second(start_model_server):
    return start_model_server("two")


def connect(forward: Forward) -> http.client.HTTPConnection:
    parts = urlsplit(forward.url)
    return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)


def model(connection: http.client.HTTPConnection) -> str:
    """Return the name of the model that answers on a connection."""
    connection.request("GET", "/v1/models")
    response = connection.getresponse()
    body = response.read()
    return str(json.loads(body)["data"][0]["id"]) if response.status == 200 else body.decode()


def ask(forward: Forward) -> str:
    connection = connect(forward)
    try:
        return model(connection)
    finally:
        connection.close()


def flags(namespace, name: str) -> tuple[str, ...]:
    return ("--kubeconfig", str(namespace.kubeconfig("admin")), "--backend", "port-forward", "--workspace-name", name)


def test_a_workspace(namespace, server):
    namespace.workspace("my-llama", port=server.port)
    with Forward(*flags(namespace, "my-llama")) as forward:
        assert forward.out == [f"Forwarding {forward.url} -> workspace my-llama via port-forward"]
        assert ask(forward) == "one"
        assert forward.interrupt() == 130
        assert (len(forward.out), forward.err) == (1, [])


def test_a_replaced_pod(namespace, server, second):
    workspace = namespace.workspace("my-llama", port=server.port)
    with Forward(*flags(namespace, "my-llama")) as forward:
        connection = connect(forward)
        assert model(connection) == "one"
        workspace.replace_pod(second.port)
        until(lambda: ask(forward) == "two", "the new pod answers")
        assert model(connection) == "two"
        connection.close()
        forward.wait_for("The pod was replaced", err=True)


def test_a_restarted_api_server(namespace, control_plane, server):
    namespace.workspace("my-llama", port=server.port)
    with Forward(*flags(namespace, "my-llama")) as forward:
        assert ask(forward) == "one"
        control_plane.stop_api()
        control_plane.start_api()
        assert ask(forward) == "one"
        assert ask(forward) == "one"


def test_connections_go_to_the_least_busy_replica(namespace, server, second):
    namespace.inference_set("phi-set", {"phi-set-a": server.port, "phi-set-b": second.port})
    with Forward(*flags(namespace, "inferenceset/phi-set")) as forward:
        forward.wait_for("is ready", err=True, count=2)
        connections = [connect(forward) for _ in range(6)]
        assert Counter(map(model, connections)) == {"one": 3, "two": 3}
        # A connection stays on its replica.
        assert Counter(map(model, connections)) == {"one": 3, "two": 3}
        for connection in connections:
            if model(connection) == "one":
                connection.close()
        fresh = [connect(forward) for _ in range(2)]
        until(lambda: model(fresh[0]) == "one", "the freed replica is taken")
        assert model(fresh[1]) == "one"
        for connection in [*connections, *fresh]:
            connection.close()


def test_replicas_become_ready_and_unready(namespace, server, second):
    replicas = namespace.inference_set("phi-set", {"phi-set-a": server.port, "phi-set-b": second.port})
    replicas["phi-set-b"].set_ready(False)
    with Forward(*flags(namespace, "inferenceset/phi-set")) as forward:
        forward.wait_for("-> inferenceset phi-set via port-forward")
        assert [ask(forward) for _ in range(3)] == ["one"] * 3
        replicas["phi-set-b"].set_ready(True)
        forward.wait_for("Replica phi-set-b is ready", err=True)
        replicas["phi-set-a"].set_ready(False)
        forward.wait_for("Replica phi-set-a is no longer ready", err=True)
        assert [ask(forward) for _ in range(3)] == ["two"] * 3
        replicas["phi-set-b"].set_ready(False)
        forward.wait_for("Replica phi-set-b is no longer ready", err=True)
        assert "No replica is ready" in ask(forward)


def test_a_stream_ends_when_its_pod_is_deleted(namespace, server):
    workspace = namespace.workspace("my-llama", port=server.port)
    gate = Gate()
    server.enqueue(Say(chunks=["one", gate]))
    with Forward(*flags(namespace, "my-llama")) as forward:
        connection = connect(forward)
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        response.read1()
        workspace.delete_pod()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
        connection.close()


def test_a_workspace_that_is_not_ready(namespace):
    from kaito.testing import run_kaito

    namespace.pending_workspace()
    outcome = run_kaito("forward", "--port", "0", *flags(namespace, "pending"))
    assert outcome.code == 3
    assert "is not ready for inference" in outcome.err
