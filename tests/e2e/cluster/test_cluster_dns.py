"""The backend `cluster-dns`, in a process that looks like a pod."""

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
    """Make this process look like a pod whose service account has no permissions."""
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "token").write_text(control_plane.service_account_token(namespace.name, "runner"))
    (account / "ca.crt").write_bytes(control_plane.authority_file.read_bytes())
    (account / "namespace").write_text(namespace.name)
    monkeypatch.setattr("kaito.cluster.auth.cluster_config.SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.port))
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search test.svc.k8s.test svc.k8s.test k8s.test\n")
    monkeypatch.setattr("kaito.cluster.dns.RESOLV_CONF", resolv_conf)
    return account


@pytest.fixture
def dns(monkeypatch, server):
    """Resolve all names of the cluster to the server; return the names that were looked up."""
    asked = []
    real = socket.getaddrinfo

    def answer(host, port, *args, **kwargs):
        if host and host.endswith(".test"):
            asked.append(host)
            return real("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def settings(backend="cluster-dns", **target):
    return settings_for(None, backend, target=target)


def discovery_error(asked, error):
    with pytest.raises(error) as caught:
        discover(ClusterDnsBackend, asked)
    return caught.value


def test_a_pod_without_permissions(namespace, pod, dns, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    namespace.workspace()
    [candidate] = discover(ClusterDnsBackend, settings())
    assert candidate.url == f"http://my-llama.{namespace.name}.svc.k8s.test"
    assert (candidate.rank, candidate.shared, candidate.external) == (10, True, False)
    assert chat(ClusterDnsBackend, settings(), "hello") == ["hello"]
    assert server.chats[-1].headers["host"] == f"my-llama.{namespace.name}.svc.k8s.test"


def test_another_namespace(pod, dns):
    [candidate] = discover(ClusterDnsBackend, settings(namespace="other"))
    assert candidate.url == "http://my-llama.other.svc.k8s.test"


def test_a_replica_of_an_inference_set(namespace, dns, control_plane, pod):
    namespace.inference_set("phi-set", {"phi-set-abcde": None})
    target = {"workspace": "phi-set", "kind": "inferenceset"}
    # Only the API server knows the replica's name.
    discovery_error(settings(**target), ForbiddenError)
    user = f"system:serviceaccount:{namespace.name}:runner"
    namespace.grant(user, {"apiGroups": ["kaito.sh"], "resources": ["workspaces"], "verbs": ["get", "list"]})
    [candidate] = discover(ClusterDnsBackend, settings(**target))
    assert candidate.url == f"http://phi-set-abcde.{namespace.name}.svc.k8s.test"


def test_a_pod_without_a_service_account(pod, dns):
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
def test_an_api_server_that_cannot_be_asked(control_plane, pod, dns, monkeypatch, trouble):
    if trouble == "down":
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.closed_port))
    else:
        (pod / "token").write_text("not-a-token")
    assert len(discover(ClusterDnsBackend, settings())) == 1
    discovery_error(
        settings(workspace="phi-set", kind="inferenceset"), ConnectError if trouble == "down" else ForbiddenError
    )


def test_a_silent_api_server(pod, dns, monkeypatch):
    monkeypatch.setattr("kaito.endpoints.backends.cluster_dns._LOOKUP_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(silent.getsockname()[1]))
        reporter = RecordingReporter()
        assert len(discover(ClusterDnsBackend, settings(), reporter)) == 1
        assert reporter.notices == [
            "cluster-dns: cannot check whether the workspace is ready: the API server did not respond within 0.1 s"
        ]
        message = discovery_error(settings(workspace="phi-set", kind="inferenceset"), ClusterError).message
        assert message == "The API server does not respond: cannot look up which replica is ready"


def test_errors_of_the_workspace_are_final(namespace, pod, dns):
    """A kubeconfig overrides the service account."""
    kubeconfig = namespace.kubeconfig()
    discovery_error(settings_for(kubeconfig), NotFoundError)
    namespace.workspace(ready=False)
    assert "is not ready for inference" in discovery_error(settings_for(kubeconfig), NotFoundError).message
    assert dns == []


def test_a_name_that_cannot_be_resolved(namespace, pod):
    error = discovery_error(settings(), ConnectError)
    assert error.details == (f"DNS cannot resolve my-llama.{namespace.name}.svc.k8s.test",)


def test_a_silent_resolver(namespace, pod, monkeypatch):
    released = threading.Event()
    real = socket.getaddrinfo

    def answer(host, *args, **kwargs):
        if host and host.endswith(".test"):
            released.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *args, **kwargs)

    async def ask():
        asked = settings()
        async with ClusterDnsBackend(asked) as backend:
            started = time.monotonic()
            with pytest.raises(ConnectError) as caught:
                await backend.discover(asked.target, RecordingReporter())
            return caught.value, time.monotonic() - started

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    try:
        with ThreadedLoop() as loop:
            error, elapsed = loop.run(ask())
    finally:
        released.set()
    assert error.details[0].startswith("DNS lookup of my-llama.")
    assert elapsed < 5


def test_outside_of_a_cluster(tmp_path):
    assert discover(ClusterDnsBackend, settings("auto")) == []
    error = discovery_error(settings(), ConnectError)
    assert error.details[0].startswith("Service names can be resolved only inside the cluster")
    outcome = run_kaito("chat", "--workspace-name", "my-llama", "--backend", "cluster-dns", "-m", "hello")
    assert outcome.code == 4
    assert "   Endpoint: http://my-llama.default.svc.cluster.local/chat/completions\n" in outcome.err
