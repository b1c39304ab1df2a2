"""The backend cluster-dns, in a process with the environment of a pod."""

import socket
import threading
import time

import pytest

from kaito.endpoints.backends.cluster_dns import ClusterDnsBackend
from kaito.errors import ClusterError, ConnectError, ForbiddenError, NotFoundError
from kaito.eventloop.thread import ThreadedLoop
from kaito.testing import RecordingReporter, run_kaito
from tests.e2e.cluster.asking import chat, discover, settings_for


@pytest.fixture
def pod(control_plane, namespace, monkeypatch, tmp_path):
    """Give this process the environment of a pod of the namespace, whose service account has no permissions."""
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(control_plane.service_account_token(namespace.name, "runner"))
    (account / "ca.crt").write_bytes(control_plane.authority_file.read_bytes())
    (account / "namespace").write_text(namespace.name)
    monkeypatch.setattr("kaito.cluster.auth.service_account.FOLDER", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.port))
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search test.svc.k8s.test svc.k8s.test k8s.test\n")
    monkeypatch.setattr("kaito.cluster.dns.RESOLV_CONF", resolv_conf)
    return account


@pytest.fixture
def dns(monkeypatch, server):
    """Resolve all names in the cluster to the server. Return the names that were looked up."""
    lookups = []
    real = socket.getaddrinfo

    def answer(host, port, *args, **kwargs):
        if host and host.endswith(".test"):
            lookups.append(host)
            return real("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return lookups


def settings(backend="cluster-dns", **target):
    return settings_for(None, backend, target=target)


def failure(settings, error):
    with pytest.raises(error) as caught:
        discover(ClusterDnsBackend, settings)
    return caught.value


def test_chat_without_permissions(namespace, pod, dns, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    namespace.workspace()
    [candidate] = discover(ClusterDnsBackend, settings())
    assert candidate.url == f"http://my-llama.{namespace.name}.svc.k8s.test"
    assert (candidate.rank, candidate.shared, candidate.external) == (10, True, False)
    assert chat(ClusterDnsBackend, settings(), "hello") == ["hello"]
    assert server.chats[-1].headers["host"] == f"my-llama.{namespace.name}.svc.k8s.test"


def test_service_in_another_namespace(pod, dns):
    [candidate] = discover(ClusterDnsBackend, settings(namespace="other"))
    assert candidate.url == "http://my-llama.other.svc.k8s.test"


def test_replica_of_an_inference_set(namespace, dns, control_plane, pod):
    namespace.inference_set("phi-set", {"phi-set-abcde": None})
    target = {"workspace": "phi-set", "kind": "inferenceset"}
    # Only the API server knows its name.
    failure(settings(**target), ForbiddenError)
    user = f"system:serviceaccount:{namespace.name}:runner"
    namespace.grant(user, {"apiGroups": ["kaito.sh"], "resources": ["workspaces"], "verbs": ["get", "list"]})
    [candidate] = discover(ClusterDnsBackend, settings(**target))
    assert candidate.url == f"http://phi-set-abcde.{namespace.name}.svc.k8s.test"


def test_pod_without_a_service_account(pod, dns):
    (pod / "token").unlink()
    reporter = RecordingReporter()
    [candidate] = discover(ClusterDnsBackend, settings(), reporter)
    assert candidate.url.startswith("http://my-llama.test-")
    [notice] = reporter.notices
    assert notice.startswith("cluster-dns: cannot check whether the workspace is ready: ")
    (pod / "namespace").unlink()
    [candidate] = discover(ClusterDnsBackend, settings())
    assert candidate.url == "http://my-llama.default.svc.k8s.test"


@pytest.mark.parametrize("trouble", ["down", "badtoken"])
def test_unusable_api_server(control_plane, pod, dns, monkeypatch, trouble):
    if trouble == "down":
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.closed_port))
    else:
        (pod / "token").write_text("not-a-token")
    assert len(discover(ClusterDnsBackend, settings())) == 1
    failure(settings(workspace="phi-set", kind="inferenceset"), ClusterError if trouble == "down" else ForbiddenError)


def test_silent_api_server_is_not_waited_for(pod, dns, monkeypatch):
    monkeypatch.setattr("kaito.endpoints.backends.cluster_dns._LOOKUP_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(silent.getsockname()[1]))
        reporter = RecordingReporter()
        assert len(discover(ClusterDnsBackend, settings(), reporter)) == 1
        assert reporter.notices == [
            "cluster-dns: cannot check whether the workspace is ready: the API server did not respond within 0.1 s"
        ]
        message = failure(settings(workspace="phi-set", kind="inferenceset"), ClusterError).message
        assert message == "The API server does not respond: cannot look up which replica is ready"


def test_error_of_the_api_server_is_final(namespace, pod, dns):
    """With a kubeconfig, a pod may have other credentials."""
    kubeconfig = namespace.kubeconfig()
    failure(settings_for(kubeconfig), NotFoundError)
    namespace.workspace(ready=False)
    assert "is not ready for inference" in failure(settings_for(kubeconfig), NotFoundError).message
    assert dns == []


def test_unknown_name(namespace, pod):
    error = failure(settings(), ConnectError)
    assert error.details == (f"DNS cannot resolve my-llama.{namespace.name}.svc.k8s.test",)


def test_resolver_that_does_not_respond(namespace, pod, monkeypatch):
    released = threading.Event()
    real = socket.getaddrinfo

    def answer(host, *args, **kwargs):
        if host and host.endswith(".test"):
            released.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *args, **kwargs)

    async def ask():
        given = settings()
        async with ClusterDnsBackend(given) as backend:
            started = time.monotonic()
            with pytest.raises(ConnectError) as caught:
                await backend.discover(given.target, RecordingReporter())
            return caught.value, time.monotonic() - started

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    try:
        with ThreadedLoop() as loop:
            error, elapsed = loop.run(ask())
    finally:
        released.set()
    assert error.details[0].startswith("DNS lookup of my-llama.")
    assert elapsed < 60


def test_outside_a_cluster(tmp_path):
    assert discover(ClusterDnsBackend, settings("auto")) == []
    error = failure(settings(), ConnectError)
    assert error.details[0].startswith("Service names can be resolved only inside the cluster")
    outcome = run_kaito("chat", "--workspace-name", "my-llama", "--backend", "cluster-dns", "-m", "hello")
    assert outcome.code == 4
    assert "   Endpoint: http://my-llama.default.svc.cluster.local/chat/completions\n" in outcome.err
