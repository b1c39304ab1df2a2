"""The backend `ingress`, with a real API server and model servers behind the routes."""

import asyncio
from typing import Any

import pytest

from kaito.cluster.api_errors import KindNotServedError
from kaito.cluster.ingress.route_discovery import discover_routes
from kaito.cluster.workspaces.readiness import ServingWorkspace
from kaito.endpoints.backends.ingress import IngressBackend
from kaito.errors import ConnectError, ForbiddenError
from kaito.testing import HtmlPage, ModelServer, RecordingReporter, Redirect, Status, refused_url, run_kaito
from kaito.util.decoding import convert
from tests.controlplane import Namespace
from tests.controlplane.certificates import Authority
from tests.e2e.cluster.asking import chat, discover, settings_for

HOST = "llama.invalid"
NETWORKING, GATEWAY = "networking.k8s.io/v1", "gateway.networking.k8s.io/v1"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Return the files of a certificate for the host, its key, and its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("an authority")
    pair = authority.server("ingress", [HOST, "localhost"])
    files = {"cert.pem": pair.public, "key.pem": pair.private, "ca.pem": authority.certificate}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return tuple(str(folder / name) for name in files)


@pytest.fixture
def server(start_model_server, tls):
    return start_model_server(tls=tls[:2])


@pytest.fixture
def plain(start_model_server):
    return start_model_server()


@pytest.fixture
def workspace(namespace, plain):
    """Create a workspace whose pod is the plain server."""
    return namespace.workspace(port=plain.port)


def add_ingress(namespace, port, host=HOST, path="/", tls=True, address="127.0.0.1", name="chat"):
    backend = {"service": {"name": "my-llama", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": path, "pathType": "ImplementationSpecific", "backend": backend}]}}
    spec = {"rules": [{**rule, **({"host": host} if host else {})}]}
    if tls:
        spec["tls"] = [{"hosts": [host]} if host else {"secretName": "x"}]
    entry = {"ip": address, "ports": [{"port": port, "protocol": "TCP"}]}
    status = {"loadBalancer": {"ingress": [entry] if address else []}}
    namespace.create(NETWORKING, "Ingress", name, spec=spec, status=status)


def settings(namespace, tls=None, backend="ingress", somebody="admin", **more):
    authority = {"certificate_authority": tls[2]} if tls else {}
    return settings_for(namespace.kubeconfig(somebody), backend, **authority, **more)


def discovery_error(wanted, error=ConnectError):
    with pytest.raises(error) as caught:
        discover(IngressBackend, wanted)
    return caught.value


# Ingress


def test_the_address_replaces_dns(namespace, workspace, server, tls):
    add_ingress(namespace, server.port)
    wanted = settings(namespace, tls, api_key="a-key-for-the-model")
    [candidate] = discover(IngressBackend, wanted)
    assert (candidate.url, candidate.rank) == (f"https://{HOST}:{server.port}", 20)
    assert (candidate.shared, candidate.external) == (False, True)
    [probe] = server.requests
    assert (probe.method, probe.path, "authorization" in probe.headers) == ("GET", "/v1/models", False)
    assert chat(IngressBackend, wanted, "hello") == ["hello"]
    assert server.chats[-1].headers["host"] == f"{HOST}:{server.port}"
    assert server.chats[-1].headers["authorization"] == "Bearer a-key-for-the-model"


def test_dns_is_preferred_to_the_address(namespace, workspace, server, tls):
    add_ingress(namespace, server.port, host="localhost", address="192.0.2.1")
    [candidate] = discover(IngressBackend, settings(namespace, tls))
    assert (candidate.url, candidate.shared) == (f"https://localhost:{server.port}", True)


def test_the_address_is_used_when_the_resolved_host_does_not_respond(namespace, workspace, server, tls, monkeypatch):
    async def elsewhere(host):
        return None

    monkeypatch.setattr("kaito.cluster.dns.resolution_error", elsewhere)
    add_ingress(namespace, server.port)
    [candidate] = discover(IngressBackend, settings(namespace, tls))
    assert candidate.shared is False


def test_auto_prefers_an_ingress(namespace, workspace, server, plain, tls):
    add_ingress(namespace, server.port)
    outcome = run_kaito(
        "chat",
        *("--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama"),
        *("--certificate-authority", tls[2], "--verbose", "-m", "hello"),
    )
    assert (outcome.code, outcome.out) == (0, "Assistant: hello\n")
    assert f"ingress: opened https://{HOST}:{server.port} (" in outcome.err
    assert len(server.chats) == 1
    assert plain.chats == []


def test_auto_does_not_use_http(namespace, workspace, plain):
    with ModelServer() as ingress:
        add_ingress(namespace, ingress.port, tls=False)
        arguments = ["--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama", "-m", "hello"]
        assert run_kaito("chat", *arguments).out == "Assistant: hello\n"
        assert (len(ingress.chats), len(plain.chats)) == (0, 1)
        assert run_kaito("chat", *arguments, "--backend", "ingress").out == "Assistant: hello\n"
        assert (len(ingress.chats), len(plain.chats)) == (1, 1)


def test_https_is_preferred_to_http(namespace, workspace, server, tls):
    with ModelServer() as clear:
        add_ingress(namespace, clear.port, tls=False, name="clear")
        add_ingress(namespace, server.port, name="secure")
        outcome = run_kaito(
            "chat",
            *("--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama", "--backend", "ingress"),
            *("--certificate-authority", tls[2], "-m", "hello"),
        )
        assert (outcome.out, len(server.chats), clear.chats) == ("Assistant: hello\n", 1, [])


def test_an_untrusted_certificate(namespace, workspace, server):
    add_ingress(namespace, server.port)
    error = discovery_error(settings(namespace))
    assert "The server's certificate is not trusted: unable to get local issuer certificate" in error.details[0]
    assert error.details[0].startswith(f"Ingress 'chat': DNS cannot resolve {HOST}; https://{HOST}:{server.port} at ")
    # The user may override this.
    assert len(discover(IngressBackend, settings(namespace, insecure_skip_tls_verify=True))) == 1


@pytest.mark.parametrize("path", ["/llama", "/llama(/|$)(.*)", "/llama/v1"])
def test_path_prefixes(namespace, workspace, path):
    with ModelServer(prefix="/llama/v1") as server:
        add_ingress(namespace, server.port, path=path, tls=False)
        wanted = settings(namespace)
        [candidate] = discover(IngressBackend, wanted)
        assert candidate.url == f"http://{HOST}:{server.port}/llama"
        assert chat(IngressBackend, wanted, "hello") == ["hello"]


def test_an_ingress_for_any_host(namespace, workspace, plain):
    add_ingress(namespace, plain.port, host=None, tls=False)
    [candidate] = discover(IngressBackend, settings(namespace))
    assert (candidate.url, candidate.shared, candidate.rank) == (f"http://127.0.0.1:{plain.port}", True, None)


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (
            Redirect("https://login.example.com/?back=x"),
            "The server redirects to https://login.example.com/ (HTTP 307)",
        ),
        (Status(503, "no upstream"), "The server returned an error (HTTP 503)"),
    ],
)
def test_redirects_and_server_errors(namespace, workspace, server, tls, reply, detail):
    server.route("/v1/models", reply)
    add_ingress(namespace, server.port)
    assert discovery_error(settings(namespace, tls)).details[0].endswith(detail)


@pytest.mark.parametrize(
    ("reply", "key", "rank"),
    [
        (Status(404, "Not Found"), "a-key", None),
        (HtmlPage("Log in"), "a-key", None),
        (Status(401, "who are you?"), None, None),
        (Status(401, "who are you?"), "a-key", 20),
    ],
)
def test_auto_requires_a_list_of_models(namespace, workspace, server, tls, reply, key, rank):
    server.route("/v1/models", reply)
    add_ingress(namespace, server.port)
    [candidate] = discover(IngressBackend, settings(namespace, tls, "auto", api_key=key))
    assert candidate.rank == rank


def test_a_proxy_resolves_the_host(namespace, workspace, plain, monkeypatch):
    """With a proxy, neither DNS nor the address is used."""
    monkeypatch.setenv("http_proxy", plain.url)
    add_ingress(namespace, 80, tls=False, address=None)
    [candidate] = discover(IngressBackend, settings(namespace))
    assert candidate.url == f"http://{HOST}"
    assert plain.requests[-1].target == f"http://{HOST}/v1/models"


# Gateway API


def add_gateway(namespace, port, protocol="HTTP", **listener):
    spec = {
        "gatewayClassName": "test",
        "listeners": [{"name": "web", "port": port, "protocol": protocol, **listener}],
    }
    address = {"addresses": [{"type": "IPAddress", "value": "127.0.0.1"}]}
    namespace.create(GATEWAY, "Gateway", "gw", spec=spec, status=address)


def add_http_route(namespace, reference, hosts=(), gateway=None, path="/"):
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [reference]}
    parent = {"name": "gw", **({"namespace": gateway.name} if gateway else {})}
    spec = {"parentRefs": [parent], "hostnames": list(hosts), "rules": [rule]}
    namespace.create(GATEWAY, "HTTPRoute", "chat", spec=spec)


def test_a_gateway_of_another_namespace(control_plane, namespace, workspace, server, tls):
    with Namespace(control_plane) as infra:
        certificate = {"mode": "Terminate", "certificateRefs": [{"name": "cert"}]}
        add_gateway(infra, server.port, "HTTPS", tls=certificate, allowedRoutes={"namespaces": {"from": "All"}})
        add_http_route(namespace, {"name": "my-llama", "port": 80}, [HOST], infra)
        wanted = settings(namespace, tls)
        [candidate] = discover(IngressBackend, wanted)
        assert (candidate.url, candidate.rank) == (f"https://{HOST}:{server.port}", 20)
        assert chat(IngressBackend, wanted, "hello") == ["hello"]


def test_an_http_route_of_another_namespace(control_plane, namespace, workspace, plain):
    with Namespace(control_plane) as web:
        add_gateway(web, plain.port)
        add_http_route(web, {"name": "my-llama", "namespace": namespace.name, "port": 80})
        source = f"HTTPRoute 'chat' in namespace '{web.name}'"
        [reason] = discovery_error(settings(namespace)).details
        assert reason == (f"{source}: no ReferenceGrant in namespace '{namespace.name}' allows it to use the Service")
        origin = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": web.name}
        grant = {"from": [origin], "to": [{"group": "", "kind": "Service"}]}
        namespace.create("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "web", spec=grant)
        wanted = settings(namespace)
        [candidate] = discover(IngressBackend, wanted)
        assert candidate.url == f"http://127.0.0.1:{plain.port}"
        assert chat(IngressBackend, wanted, "hello") == ["hello"]


def test_a_gateway_that_accepts_its_own_namespace_only(control_plane, namespace, workspace, plain):
    with Namespace(control_plane) as infra:
        add_gateway(infra, plain.port)
        add_http_route(namespace, {"name": "my-llama", "port": 80}, gateway=infra)
        [reason] = discovery_error(settings(namespace)).details
        assert reason.endswith(f"the Gateway accepts no HTTPRoutes of namespace '{namespace.name}'")


def test_an_inference_pool(namespace):
    with ModelServer() as server:
        namespace.inference_set("phi-set", {"phi-set-abcde": None})
        add_gateway(namespace, server.port)
        pool = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "phi-set-inferencepool"}
        add_http_route(namespace, pool, path="/phi")
        server.prefix = "/phi/v1"
        target = {"workspace": "phi-set", "kind": "inferenceset"}
        wanted = settings(namespace, target=target)
        [candidate] = discover(IngressBackend, wanted)
        assert (candidate.url, candidate.rank) == (f"http://127.0.0.1:{server.port}/phi", None)
        assert chat(IngressBackend, wanted, "hello") == ["hello"]


# LoadBalancer


def test_a_load_balancer(namespace, plain):
    namespace.workspace(service=False)
    spec = {"type": "LoadBalancer", "ports": [{"name": "http", "port": plain.port, "targetPort": 5000}]}
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    namespace.create("v1", "Service", "my-llama", spec=spec, status=status)
    wanted = settings(namespace)
    [candidate] = discover(IngressBackend, wanted)
    assert (candidate.url, candidate.rank) == (f"http://127.0.0.1:{plain.port}", None)
    assert (candidate.shared, candidate.external) == (True, True)
    assert chat(IngressBackend, wanted, "hello") == ["hello"]


# What cannot be used


def test_routes_that_cannot_be_used(namespace, workspace):
    with refused_url() as url:
        port = int(url.rpartition(":")[2])
        add_ingress(namespace, port, tls=False, name="dead")
        add_ingress(namespace, 80, tls=False, address=None, name="young")
        add_ingress(namespace, 80, host="*.example.com", tls=False, name="wild")
        reporter = RecordingReporter()
        with pytest.raises(ConnectError) as caught:
            discover(IngressBackend, settings(namespace), reporter)
    expected = [
        "Ingress 'wild': its host '*.example.com' is a wildcard; use --endpoint with the URL of one host",
        f"Ingress 'dead': DNS cannot resolve {HOST}; http://{HOST}:{port} at 127.0.0.1: {HOST}:{port}: Connection refused",
        f"Ingress 'young': DNS cannot resolve {HOST}; it has no address yet",
    ]
    assert sorted(caught.value.details) == sorted(expected)
    assert sorted(reporter.notices) == sorted(f"ingress: {one}" for one in expected)


def test_no_routes(namespace, workspace):
    assert (
        "No Ingress, HTTPRoute or LoadBalancer routes to Service 'my-llama'"
        in discovery_error(settings(namespace)).hints
    )
    assert discover(IngressBackend, settings(namespace, backend="auto")) == []


def test_permissions_are_missing(namespace, workspace):
    error = discovery_error(settings(namespace, somebody="viewer"), ForbiddenError)
    assert "User 'viewer' may not list ingresses.networking.k8s.io" in error.message


def test_some_permissions_are_missing(control_plane, namespace, workspace, server, tls):
    add_ingress(namespace, server.port)
    kubeconfig = control_plane.user("ann", namespace=namespace.name)
    namespace.grant("ann", {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list"]})
    wanted = settings_for(kubeconfig, "ingress", certificate_authority=tls[2])
    assert len(discover(IngressBackend, wanted)) == 1


class OlderCluster:
    """Serves only the beta version of the Gateway API."""

    async def get(self, path, kind):
        if path.endswith("/services/my-llama"):
            spec = {"type": "ClusterIP", "ports": [{"port": 80, "name": "http"}]}
            return convert({"metadata": {"name": "my-llama", "namespace": "ns"}, "spec": spec}, kind)
        assert path == "/apis/gateway.networking.k8s.io/v1beta1/namespaces/ns/gateways/gw"
        gateway = {
            "metadata": {"name": "gw", "namespace": "ns"},
            "spec": {"listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]},
            "status": {"addresses": [{"value": "192.0.2.1"}]},
        }
        return convert(gateway, kind)

    async def items(self, path, kind):
        if "/v1beta1/" not in path:
            raise KindNotServedError("404 page not found")
        rule = {"backendRefs": [{"name": "my-llama", "port": 80}]}
        route = {
            "metadata": {"name": "r", "namespace": "ns"},
            "spec": {"parentRefs": [{"name": "gw"}], "rules": [rule]},
        }
        return [convert(route, kind)]


def test_gateway_api_v1beta1():
    serving = ServingWorkspace(name="my-llama", namespace="ns", label="my-llama", preset=None)
    cluster: Any = OlderCluster()
    routes = asyncio.run(discover_routes(cluster, serving))
    assert [route.url("192.0.2.1") for route in routes.usable] == ["http://192.0.2.1"]
    assert (routes.unusable, routes.errors) == ((), ())
