"""The control plane of the tests behaves as they expect."""

import datetime
import itertools
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from kaito.testing import ModelServer
from tests.controlplane import ApiClient, ApiError, Assets, ControlPlane, MissingAssets, Namespace, condition, until
from tests.controlplane.egress import NoRouteError, resolve

WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"


def error_of(client, method, path):
    with pytest.raises(ApiError) as caught:
        client.request(method, path)
    return caught.value


def model_of(client, workspace):
    """Return the model's name, through the Service proxy."""
    return client.request("GET", f"{workspace.proxy_path}/v1/models")["data"][0]["id"]


def forwarded_model(plane, workspace):
    """Return the model server's response through the pod's port-forward WebSocket."""
    head = (
        f"GET {workspace.forward_path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    )
    request = b"\x00GET /v1/models HTTP/1.0\r\nHost: pod\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", plane.port), timeout=10) as plain,
        plane.client.tls.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        secure.makefile("rb") as stream,
    ):
        secure.sendall(head.encode())
        assert b" 101 " in stream.readline()
        while stream.readline().strip():
            pass
        # one binary frame, masked with zeros
        secure.sendall(bytes((0x82, 0x80 + len(request), 0, 0, 0, 0)) + request)
        received = b""
        while b"}]}" not in received:
            _, length = stream.read(2)
            frame = stream.read(int.from_bytes(stream.read(2)) if length == 126 else length)
            assert frame[0] == 0 or frame[1:] == (5000).to_bytes(2, "little"), frame
            received += frame[1:]
    return received


# Users


@pytest.mark.parametrize("somebody", ["admin", "admin-token", "viewer", "viewer-token"])
def test_user_may_read_workspaces(control_plane, somebody):
    client = ApiClient(control_plane.kubeconfig(somebody))
    assert client.request("GET", WORKSPACES)["kind"] == "WorkspaceList"


@pytest.mark.parametrize("somebody", ["viewer", "viewer-token"])
def test_viewer_may_not_forward_or_use_proxies(control_plane, namespace, somebody):
    client = ApiClient(control_plane.kubeconfig(somebody))
    workspace = namespace.workspace()
    for path in (workspace.forward_path, f"{workspace.proxy_path}/v1/models"):
        assert error_of(client, "GET", path).status == 403


@pytest.mark.parametrize(
    ("somebody", "status", "message"),
    [
        ("nobody", 403, 'User "nobody" cannot list'),
        ("nobody-token", 403, 'User "nobody" cannot list'),
        ("anonymous", 403, 'User "system:anonymous" cannot list'),
        ("badtoken", 401, "Unauthorized"),
        ("expired", 401, "Unauthorized"),
    ],
)
def test_request_is_rejected(control_plane, somebody, status, message):
    error = error_of(ApiClient(control_plane.kubeconfig(somebody)), "GET", WORKSPACES)
    assert error.status == status
    assert message in error.message


def test_unknown_authority(control_plane):
    with pytest.raises(ssl.SSLCertVerificationError):
        ApiClient(control_plane.kubeconfig("wrongca")).request("GET", WORKSPACES)


def test_closed_port(control_plane):
    with pytest.raises(ConnectionRefusedError):
        ApiClient(control_plane.kubeconfig("down")).request("GET", WORKSPACES)


def test_grant(control_plane, namespace):
    workspace = namespace.workspace()
    client = ApiClient(control_plane.user("ann", ["readers"], namespace=namespace.name))
    path = f"/api/v1/namespaces/{namespace.name}/pods/{workspace.pod_name}"
    assert 'User "ann" cannot get resource "pods"' in error_of(client, "GET", path).message
    namespace.grant("ann", {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
    pod = until(lambda: response_to(client, path), "the grant is effective")
    assert pod["metadata"]["uid"] == workspace.pod["metadata"]["uid"]


def response_to(client, path):
    """Return the response, or `None` for an error."""
    try:
        return client.request("GET", path)
    except ApiError:
        return None


def test_client_certificate_expires(control_plane):
    path = "/apis/authorization.k8s.io/v1"
    # A busy machine may take longer for a request than a certificate is valid.
    for seconds in (2, 10, 50):
        client = ApiClient(control_plane.user(valid_for=datetime.timedelta(seconds=seconds)))
        if (response := response_to(client, path)) is not None:
            break
    assert response is not None
    assert response["kind"] == "APIResourceList"
    until(lambda: response_to(client, path) is None, "the certificate has expired")


def test_service_account_token(control_plane, namespace):
    token = control_plane.service_account_token(namespace.name, "runner")
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}, "spec": {"token": token}}
    user = control_plane.client.create(review)["status"]["user"]
    assert user["username"] == f"system:serviceaccount:{namespace.name}:runner"
    context = ssl.create_default_context(cafile=str(control_plane.authority_file))
    assert len(context.get_ca_certs()) == 1


# Objects


def test_model_server_is_reached_through_the_api_server(control_plane, namespace):
    with ModelServer("llama-2-7b") as server:
        workspace = namespace.workspace(port=server.port)
        assert model_of(control_plane.client, workspace) == "llama-2-7b"
        assert b'"llama-2-7b"' in forwarded_model(control_plane, workspace)
    with pytest.raises(ApiError) as caught:
        model_of(control_plane.client, workspace)
    assert caught.value.status == 503


def test_objects_of_a_workspace(control_plane, namespace):
    client = control_plane.client
    namespace.workspace(labels={"a": "b"})
    [item] = client.list("kaito.sh/v1beta1", "Workspace", namespace.name, "labelSelector=a%3Db")
    assert (item["status"]["state"], item["inference"]["preset"]["name"]) == ("Ready", "llama-2-7b")
    [pod] = client.list("v1", "Pod", namespace.name)
    assert pod["status"]["phase"] == "Running"
    [piece] = client.list("discovery.k8s.io/v1", "EndpointSlice", namespace.name)
    assert piece["endpoints"][0]["targetRef"]["uid"] == pod["metadata"]["uid"]
    assert piece["endpoints"][0]["addresses"] == [pod["status"]["podIP"]]
    names = {service["metadata"]["name"] for service in client.list("v1", "Service", namespace.name)}
    assert names == {"my-llama", "my-llama-headless"}


def test_workspace_becomes_ready(control_plane, namespace):
    with ModelServer() as server:
        workspace = namespace.workspace(port=server.port, ready=False)
        assert ready_condition(workspace) == "False"
        assert model_of(control_plane.client, workspace) == "test-model"
        workspace.set_ready(True)
        assert ready_condition(workspace) == "True"
        workspace.set_ready(False, state="", conditions=[condition("InferenceReady", False, "Broken", "It broke")])
    status = control_plane.client.get("kaito.sh/v1beta1", "Workspace", "my-llama", namespace.name)["status"]
    assert "state" not in status
    assert [one["message"] for one in status["conditions"]] == ["It broke"]


def ready_condition(workspace):
    [status] = [one["status"] for one in workspace.pod["status"]["conditions"] if one["type"] == "Ready"]
    return status


def test_workspace_of_the_older_version_has_no_state(control_plane, namespace):
    namespace.workspace(api_version="kaito.sh/v1alpha1")
    [item] = control_plane.client.list("kaito.sh/v1beta1", "Workspace", namespace.name)
    assert "state" not in item["status"]


def test_pod_is_replaced(control_plane, namespace):
    with ModelServer("old") as old, ModelServer("new") as new:
        workspace = namespace.workspace(port=old.port)
        assert b'"old"' in forwarded_model(control_plane, workspace)
        before = workspace.pod
        workspace.delete_pod()
        error = error_of(control_plane.client, "GET", f"{workspace.proxy_path}/v1/models")
        assert (error.status, error.message) == (503, 'no endpoints available for service "my-llama"')
        workspace.create_pod(new.port)
        assert workspace.pod["metadata"]["uid"] != before["metadata"]["uid"]
        assert workspace.pod["status"]["podIP"] != before["status"]["podIP"]
        assert model_of(control_plane.client, workspace) == "new"
        assert b'"new"' in forwarded_model(control_plane, workspace)
        workspace.replace_pod()
        assert b'"new"' in forwarded_model(control_plane, workspace)
        assert len(old.requests) == 1


def test_inference_set(control_plane, namespace):
    with ModelServer("a") as one, ModelServer("b") as other:
        replicas = namespace.inference_set("phi-set", {"phi-set-abcde": one.port, "phi-set-fghij": other.port})
        models = {name: model_of(control_plane.client, workspace) for name, workspace in replicas.items()}
    assert models == {"phi-set-abcde": "a", "phi-set-fghij": "b"}
    label = "labelSelector=inferenceset.kaito.sh/created-by%3Dphi-set"
    assert len(control_plane.client.list("kaito.sh/v1beta1", "Workspace", namespace.name, label)) == 2


def test_pending_and_tuning_workspaces(control_plane, namespace):
    pending, tuning = namespace.pending_workspace(), namespace.tuning_workspace()
    namespace.event(pending.pod_name, "FailedScheduling", "0/1 nodes are available")
    [event] = control_plane.client.list("v1", "Event", namespace.name)
    assert (event["involvedObject"]["name"], event["reason"]) == ("pending-0", "FailedScheduling")
    pod = control_plane.client.get("v1", "Pod", pending.pod_name, namespace.name)
    assert pod["status"]["phase"] == "Pending"
    assert error_of(control_plane.client, "GET", pending.proxy_path).status == 503
    item = control_plane.client.get("kaito.sh/v1beta1", "Workspace", tuning.name, namespace.name)
    assert item["status"]["state"] == "Running"


def test_ingress_with_an_address(namespace):
    backend = {"service": {"name": "my-llama", "port": {"number": 80}}}
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    item = namespace.create("networking.k8s.io/v1", "Ingress", "i", spec={"defaultBackend": backend}, status=address)
    assert item["status"] == address


def test_namespace_is_deleted_with_its_content(control_plane):
    client = control_plane.client
    with Namespace(control_plane) as namespace:
        workspace = namespace.workspace()
        namespace.pending_workspace()
    assert namespace.name not in {one["metadata"]["name"] for one in client.list("v1", "Namespace")}
    left = itertools.chain(client.list("v1", "Pod"), client.list("kaito.sh/v1beta1", "Workspace"))
    assert [one for one in left if one["metadata"]["namespace"] == workspace.namespace] == []


@pytest.mark.parametrize("host", ["10.77.0.9", "192.0.2.1", "::ffff:192.0.2.1"])
def test_only_loopback_addresses_are_reached(host):
    with pytest.raises(NoRouteError):
        resolve(host, 5000, {})
    assert resolve("127.0.0.1", 10250, {}) == ("127.0.0.1", 10250)
    assert resolve(host, 5000, {f"{host}:5000": 1234}) == ("127.0.0.1", 1234)


# Processes


def test_api_server_stops_and_starts(control_plane, namespace):
    with ModelServer() as server:
        workspace = namespace.workspace(port=server.port)
        control_plane.stop_api()
        with pytest.raises(ConnectionRefusedError):
            control_plane.client.request("GET", WORKSPACES)
        control_plane.start_api()
        assert model_of(control_plane.client, workspace) == "test-model"
        workspace.replace_pod()
        assert b'"test-model"' in forwarded_model(control_plane, workspace)


def test_missing_assets(tmp_path):
    with pytest.raises(MissingAssets, match=r"etcd, kube-apiserver, kwok, crds/…/kaito.sh_workspaces.yaml"):
        ControlPlane(Assets(tmp_path))


def test_servers_end_when_the_process_is_killed():
    source = (
        "import sys\n"
        "from tests.controlplane.processes import Servers\n"
        "servers = Servers()\n"
        "servers.start('sleeper', ['sleep', '600'])\n"
        "print(servers.folder, flush=True)\n"
        "sys.stdin.read()\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        [sleeper] = processes_in(folder, "sleep")
        process.send_signal(signal.SIGKILL)
    until(lambda: not folder.exists(), "the folder is removed")
    until(lambda: sleeper not in processes_in(folder, "sleep"), "the server has ended")


def processes_in(folder, name):
    """Return the processes with this name and this working directory, deleted or not."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where, what = os.readlink(process / "cwd"), (process / "comm").read_text().strip()
        except OSError:
            continue
        if where.removesuffix(" (deleted)") == str(folder) and what == name:
            found.append(process.name)
    return found
