"""The backend api-proxy, against a real API server."""

import asyncio
import base64
import json
import sys
from contextlib import aclosing
from datetime import timedelta

import pytest

from kaito.endpoints.backends.api_proxy import ApiProxyBackend
from kaito.errors import ForbiddenError, NotFoundError
from kaito.openai.client import ChatClient
from kaito.testing import RecordingReporter, run_kaito
from kaito.types import ChatRequest, Message, Waiting
from tests.controlplane import ApiClient, ApiError, until
from tests.controlplane.certificates import Authority
from tests.e2e.cluster.asking import answer, chat, discover, settings_for

PROXY = {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get", "create"]}


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace(port=server.port)


@pytest.fixture
def user(control_plane, namespace, workspace):
    """Return the kubeconfig of a user who may only use the Service's proxy."""
    kubeconfig = control_plane.user("ann", namespace=namespace.name)
    namespace.grant("ann", PROXY)
    until(lambda: reached(ApiClient(kubeconfig), workspace), "the grant is effective")
    return kubeconfig


def reached(client, workspace):
    try:
        return client.request("GET", f"{workspace.proxy_path}/v1/models")
    except ApiError:
        return None


def settings(kubeconfig, **more):
    return settings_for(kubeconfig, "api-proxy", **more)


@pytest.mark.parametrize("somebody", ["admin", "admin-token"])
def test_message(namespace, workspace, server, somebody):
    outcome = run_kaito(
        "chat",
        *("--kubeconfig", str(namespace.kubeconfig(somebody)), "--workspace-name", "my-llama"),
        *("--backend", "api-proxy", "-m", "hello"),
    )
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: hello\n", "")
    assert "authorization" not in server.chats[-1].headers


def test_candidate(control_plane, namespace, workspace):
    [candidate] = discover(ApiProxyBackend, settings(namespace.kubeconfig()))
    assert candidate.url == f"{control_plane.server}{workspace.proxy_path}"
    assert (candidate.rank, candidate.shared) == (40, False)


def test_certificate_authority_for_models_is_not_used(namespace, workspace, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_bytes(Authority("another").certificate)
    asked = settings(namespace.kubeconfig(), certificate_authority=str(file))
    assert chat(ApiProxyBackend, asked, "one", "two") == ["one", "two"]


# Keys


def test_api_key_is_not_sent(namespace, workspace, server):
    reporter = RecordingReporter()
    asked = settings(namespace.kubeconfig("admin-token"), api_key="a-key-for-the-model")
    assert chat(ApiProxyBackend, asked, "hello", reporter=reporter) == ["hello"]
    assert "The API key is not sent: the API server's proxy does not forward it" in reporter.notices
    assert "authorization" not in server.chats[-1].headers


def test_server_that_requires_an_api_key(namespace, workspace, server):
    server.api_key = "a-key-for-the-model"
    with pytest.raises(ForbiddenError) as caught:
        chat(ApiProxyBackend, settings(namespace.kubeconfig(), api_key=server.api_key), "hello")
    assert (
        caught.value.message == "The model's server requires an API key, which the API server's proxy does not forward"
    )


# Permissions


def test_proxy_permission_is_enough(user):
    assert chat(ApiProxyBackend, settings(user), "hello") == ["hello"]


def test_user_without_permission(namespace, workspace):
    outcome = run_kaito(
        "chat",
        *("--kubeconfig", str(namespace.kubeconfig("viewer")), "--workspace-name", "my-llama"),
        *("--backend", "api-proxy", "-m", "hello"),
    )
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.err == (
        f"❌ Error: You may not get services/proxy in namespace '{namespace.name}'\n"
        "   The API server's proxy requires the verbs 'get' and 'create' on 'services/proxy'\n"
        f"   To check: kubectl auth can-i get services --subresource=proxy -n {namespace.name}"
        f" --kubeconfig {namespace.kubeconfig('viewer')}\n"
    )


def test_get_without_create(control_plane, namespace, workspace):
    kubeconfig = control_plane.user("bob", namespace=namespace.name)
    namespace.grant("bob", {**PROXY, "verbs": ["get"]})
    until(lambda: reached(ApiClient(kubeconfig), workspace), "the grant is effective")
    with pytest.raises(ForbiddenError) as caught:
        discover(ApiProxyBackend, settings(kubeconfig))
    assert caught.value.message.startswith("You may not create services/proxy")


def test_permission_for_one_service(control_plane, namespace, workspace):
    kubeconfig = control_plane.user("eve", namespace=namespace.name)
    namespace.grant("eve", {**PROXY, "resourceNames": ["my-llama:80"]})
    until(lambda: reached(ApiClient(kubeconfig), workspace), "the grant is effective")
    assert chat(ApiProxyBackend, settings(kubeconfig), "hello") == ["hello"]


# Changes during a session


class TurnRunner:
    """A conversation with a step before each further turn."""

    def __init__(self, asked, *steps):
        self._asked = asked
        self._steps = steps
        self.reporter = RecordingReporter()

    def turns(self):
        return asyncio.run(self._turns())

    async def _turns(self):
        async with ApiProxyBackend(self._asked) as backend:
            [candidate] = await backend.discover(self._asked.target, self.reporter)
            async with (
                backend.open(candidate, self.reporter) as endpoint,
                ChatClient(endpoint, self._asked) as client,
            ):
                answers = [await answer(client, "first")]
                for step in self._steps:
                    await asyncio.to_thread(step)
                    answers.append(await answer(client, "next"))
                return answers


def test_permission_is_revoked(control_plane, namespace, workspace, user):
    def revoke():
        control_plane.client.delete_all("rbac.authorization.k8s.io/v1", "RoleBinding", namespace.name)
        until(lambda: not reached(ApiClient(user), workspace), "the permission is revoked")

    with pytest.raises(ForbiddenError) as caught:
        TurnRunner(settings(user), revoke).turns()
    assert caught.value.message.startswith("User 'ann' may not create services/proxy in namespace")
    assert caught.value.hints[0] == "The API server's proxy requires the verbs 'get' and 'create' on 'services/proxy'"


def first_wait(asked, after_discovery=lambda: None):
    """Return why the first turn has to wait."""

    async def first_item():
        async with ApiProxyBackend(asked) as backend:
            [candidate] = await backend.discover(asked.target, RecordingReporter())
            after_discovery()
            async with (
                backend.open(candidate, RecordingReporter()) as endpoint,
                ChatClient(endpoint, asked) as client,
                aclosing(client.stream(ChatRequest(messages=(Message("user", "hello"),)))) as items,
            ):
                return await anext(items)

    item = asyncio.run(first_item())
    assert isinstance(item, Waiting)
    return item.reason


def test_service_without_a_pod(namespace, workspace):
    """The turn waits for a pod."""
    asked = settings(namespace.kubeconfig())
    assert first_wait(asked, workspace.delete_pod) == "Service 'my-llama' has no pod at the moment"
    workspace.create_pod()
    assert chat(ApiProxyBackend, asked, "hello") == ["hello"]


def test_pod_that_refuses_connections(namespace):
    namespace.workspace()
    reason = first_wait(settings(namespace.kubeconfig()))
    assert reason.startswith("the API server cannot reach the pod of Service 'my-llama': ")


def test_service_is_deleted(control_plane, namespace, workspace):
    def delete():
        control_plane.client.delete("v1", "Service", "my-llama", namespace.name)

    with pytest.raises(NotFoundError) as caught:
        TurnRunner(settings(namespace.kubeconfig()), delete).turns()
    assert "Service 'my-llama' no longer exists" in caught.value.message


def test_workspace_without_a_service(namespace):
    namespace.workspace(service=False)
    with pytest.raises(NotFoundError):
        discover(ApiProxyBackend, settings(namespace.kubeconfig()))


# Credentials that expire


def expired(kubeconfig):
    """Return whether the API server rejects the user's certificate."""
    try:
        ApiClient(kubeconfig).request("GET", "/version")
    except ApiError as exc:
        return exc.status == 401
    return False


def test_certificate_expires(control_plane, namespace, workspace):
    kubeconfig = control_plane.user(
        groups=["system:masters"], namespace=namespace.name, valid_for=timedelta(seconds=10)
    )
    talk = TurnRunner(settings(kubeconfig), lambda: until(lambda: expired(kubeconfig), "the certificate has expired"))
    with pytest.raises(ForbiddenError) as caught:
        talk.turns()
    assert caught.value.message.startswith("Your client certificate for the cluster expired on ")


def test_certificate_is_renewed(control_plane, namespace, workspace, tmp_path):
    """The plugin prints a new certificate when the first is rejected. The kept connection still has the first."""

    def give(kubeconfig):
        user = json.loads(kubeconfig.read_text())["users"][0]["user"]
        decoded = {key: base64.b64decode(user[f"{key}-data"]).decode() for key in ("client-certificate", "client-key")}
        status = {"clientCertificateData": decoded["client-certificate"], "clientKeyData": decoded["client-key"]}
        credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        given.write_text(json.dumps(credential))

    given = tmp_path / "credential.json"
    people = {"groups": ["system:masters"], "namespace": namespace.name}
    first = control_plane.user(**people, valid_for=timedelta(seconds=10))
    give(first)
    config = json.loads(first.read_text())
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"print(open({str(given)!r}).read())"],
        "interactiveMode": "Never",
    }
    config["users"][0]["user"] = {"exec": plugin}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))

    def renew():
        until(lambda: expired(first), "the certificate has expired")
        give(control_plane.user(**people))

    assert TurnRunner(settings(kubeconfig), renew, lambda: None).turns() == ["first", "next", "next"]
