"""`kaito get-endpoint` against a real API server."""

import json
import ssl
import urllib.request

import pytest

from kaito.testing import ModelServer, run_kaito
from tests.controlplane.certificates import Authority

INSIDE = "Warning: this URL works inside the cluster only\n"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Return the files of a certificate for localhost, its key, and its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("an authority")
    pair = authority.server("ingress", ["localhost", "llama.invalid"])
    files = {"cert.pem": pair.public, "key.pem": pair.private, "ca.pem": authority.certificate}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return tuple(str(folder / name) for name in files)


@pytest.fixture
def get_endpoint(namespace):
    """Run `kaito get-endpoint` for the workspace of the test."""

    def run(*arguments, user="admin", workspace="my-llama", **options):
        kubeconfig = str(namespace.kubeconfig(user))
        return run_kaito(
            "get-endpoint", "--kubeconfig", kubeconfig, "--workspace-name", workspace, *arguments, **options
        )

    return run


def add_ingress(namespace, server, host="localhost"):
    backend = {"service": {"name": "my-llama", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"rules": [{"host": host, "http": {"paths": paths}}], "tls": [{"hosts": [host]}]}
    entry = {"ip": "127.0.0.1", "ports": [{"port": server.port, "protocol": "TCP"}]}
    status = {"loadBalancer": {"ingress": [entry]}}
    namespace.create("networking.k8s.io/v1", "Ingress", host.replace(".", "-"), spec=spec, status=status)


def forward_hint(namespace):
    flags = f"--workspace-name my-llama --kubeconfig {namespace.kubeconfig('admin')}"
    return f"   To open a local port: kaito forward {flags}\n"


def service_url(namespace, name="my-llama"):
    return f"http://{name}.{namespace.name}.svc.cluster.local"


def test_the_service_s_url(namespace, get_endpoint):
    namespace.workspace()
    outcome = get_endpoint()
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        f"{service_url(namespace)}\n",
        INSIDE + forward_hint(namespace),
    )


def test_an_ingress(namespace, get_endpoint, tls):
    namespace.workspace()
    with ModelServer(tls=tls[:2]) as server:
        add_ingress(namespace, server)
        url = f"https://localhost:{server.port}"
        for arguments in ([], ["--external"], ["--format", "url"]):
            outcome = get_endpoint("--certificate-authority", tls[2], *arguments)
            assert (outcome.code, outcome.out, outcome.err) == (0, f"{url}\n", "")
        context = ssl.create_default_context(cafile=tls[2])
        with urllib.request.urlopen(f"{url}/v1/models", context=context) as answer:
            assert json.load(answer)["data"][0]["id"] == "test-model"
        for flag in ("-o", "--format"):
            data = json.loads(get_endpoint("--certificate-authority", tls[2], flag, "json").out)
            assert (data["url"], data["service_url"]) == (url, service_url(namespace))
            [way] = [way for way in data["ways"] if way["external"]]
            assert way == {
                "backend": "ingress",
                "url": url,
                "rank": way["rank"],
                "shared": True,
                "external": True,
                "tls": True,
                "problem": None,
            }
            assert {way["shared"] for way in data["ways"] if not way["external"]} == {False}


def test_an_ingress_whose_host_cannot_be_resolved(namespace, get_endpoint, tls):
    namespace.workspace()
    with ModelServer(tls=tls[:2]) as server:
        add_ingress(namespace, server, "llama.invalid")
        outcome = get_endpoint("--certificate-authority", tls[2])
        assert (outcome.code, outcome.out, outcome.err) == (
            0,
            f"{service_url(namespace)}\n",
            INSIDE + forward_hint(namespace),
        )
        outcome = get_endpoint("--certificate-authority", tls[2], "--external")
    assert (outcome.code, outcome.out) == (3, "")
    url = f"https://llama.invalid:{server.port}"
    assert outcome.err == (
        "❌ Error: No endpoint is reachable from outside the cluster\n"
        f"   ingress: {url} works for kaito, but not for other programs\n{forward_hint(namespace)}"
    )


def test_a_load_balancer(namespace, get_endpoint):
    with ModelServer() as server:
        namespace.workspace(port=server.port, service=False)
        ports = [{"name": "http", "port": server.port, "targetPort": 5000}]
        status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
        namespace.create("v1", "Service", "my-llama", spec={"type": "LoadBalancer", "ports": ports}, status=status)
        outcome = get_endpoint("--external")
    assert (outcome.code, outcome.out) == (0, f"http://127.0.0.1:{server.port}\n")
    assert outcome.err == "Warning: the connection is not encrypted\n"


def test_no_external_endpoint(namespace, get_endpoint):
    namespace.workspace()
    outcome = get_endpoint("--external", "-o", "json")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == f"❌ Error: No endpoint is reachable from outside the cluster\n{forward_hint(namespace)}"


def test_an_inference_set_s_replica(namespace, get_endpoint):
    namespace.inference_set("s", {"s-a": None})
    outcome = get_endpoint(workspace="inferenceset/s")
    assert (outcome.code, outcome.out) == (0, f"{service_url(namespace, 's-a')}\n")


def test_workspaces_that_are_not_ready(namespace, get_endpoint):
    namespace.pending_workspace()
    namespace.tuning_workspace()
    for name, message in (
        ("pending", "Workspace 'pending' is not ready for inference"),
        ("tuning", "Workspace 'tuning' is a tuning workspace, which does not serve a model"),
        ("nothing", f"Workspace 'nothing' not found in namespace '{namespace.name}'"),
        ("inferenceset/s", f"InferenceSet 's' not found in namespace '{namespace.name}'"),
    ):
        outcome = get_endpoint(workspace=name)
        assert (outcome.code, outcome.out) == (3, "")
        assert outcome.err.startswith(f"❌ Error: {message}\n")


def test_invalid_credentials_and_no_api_server(namespace, get_endpoint):
    namespace.workspace()
    outcome = get_endpoint(user="badtoken")
    assert (outcome.code, outcome.out) == (5, "")
    assert "rejected your credentials" in outcome.err
    outcome = get_endpoint(user="down")
    assert (outcome.code, outcome.out) == (4, "")
    assert "cannot be reached: Connection refused" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--workspace-name is required"),
        (["--workspace-name", "x", "-o", "yaml"], "--output: 'yaml' is not one of plain, json"),
        (["--workspace-name", "x", "--format", "plain"], "--format: 'plain' is not one of url, json"),
        (["--workspace-name", "x", "--format", "url", "-o", "json"], "--format: 'url' contradicts --output 'json'"),
        (["--workspace-name", "x", "--endpoint", "http://x"], "Unknown flag '--endpoint'"),
        (
            ["--workspace-name", "X"],
            "--workspace-name: 'X' is not a name such as my-llama, workspace/my-llama or inferenceset/my-set",
        ),
    ],
)
def test_flags_are_validated_first(arguments, message):
    outcome = run_kaito("get-endpoint", *arguments, env={"KUBECONFIG": "/nowhere"})
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"❌ Error: {message}")
