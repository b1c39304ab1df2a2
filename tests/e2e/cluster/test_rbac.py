"""The Roles in `deploy/rbac`: each is sufficient for its backend, and each of its rules is necessary."""

from __future__ import annotations

import copy

import pytest

from kaito.testing import Status, run_kaito
from tests.controlplane import ApiClient, ApiError, until
from tests.controlplane.certificates import Authority
from tests.e2e.background_process import BackgroundProcess
from tests.e2e.cluster.in_pod import run_in_pod
from tests.e2e.cluster.manifests import DEPLOY, apply, read

HOST = "localhost"
NETWORKING, GATEWAY = "networking.k8s.io/v1", "gateway.networking.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RBAC = "rbac.authorization.k8s.io"


def grants(name):
    """Return the permissions of a file's Role, such as `get services` and `list workspaces.kaito.sh`."""
    [*all_of_them] = (
        f"{verb} {resource}" + (f".{group}" if group else "")
        for rule in read(f"rbac/{name}.yaml")["Role"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )
    return all_of_them


def without(role, omitted):
    """Return a Role without one permission."""
    verb, _, named = (omitted or " ").partition(" ")
    role = copy.deepcopy(role)
    for rule in role["rules"]:
        [group], [resource] = rule["apiGroups"], rule["resources"]
        if named == resource + (f".{group}" if group else ""):
            rule["verbs"] = [one for one in rule["verbs"] if one != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return role


@pytest.fixture
def user_of(control_plane, namespace):
    """Return a function that returns the kubeconfig of a new user with a file's Role, except for one permission."""

    def user_of(name, omitted=None):
        kubeconfig = control_plane.user(namespace=namespace.name)
        user = kubeconfig.name.partition(".")[0]
        items = read(f"rbac/{name}.yaml")
        assert items.keys() == {"Role", "RoleBinding"}
        role = without(items["Role"], omitted)
        apply(control_plane.client, role, namespace.name)
        subject = {"apiGroup": RBAC, "kind": "User", "name": user}
        apply(control_plane.client, {**items["RoleBinding"], "subjects": [subject]}, namespace.name)
        client = ApiClient(kubeconfig)
        until(lambda: all(may(client, namespace.name, rule) for rule in role["rules"]), "the Role is effective")
        return kubeconfig

    return user_of


def may(client, namespace, rule):
    """Return whether a user has all permissions of a rule."""
    resource, _, part = rule["resources"][0].partition("/")
    for verb in rule["verbs"]:
        attributes = {"namespace": namespace, "verb": verb, "group": rule["apiGroups"][0], "resource": resource}
        review = {"spec": {"resourceAttributes": {**attributes, "subresource": part}}}
        head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        try:
            answer = client.request("POST", REVIEWS, {**head, **review})
        except ApiError:
            return False
        if not answer["status"]["allowed"]:
            return False
    return True


@pytest.fixture
def workspaces(namespace, server):
    """Create a workspace, and InferenceSets with a ready replica, with one that is not, and with none."""
    server.route("/metrics", Status(200, "vllm:num_requests_running 3.0\n", content_type="text/plain"))
    namespace.workspace(port=server.port)
    namespace.inference_set("some", {"some-a": server.port})
    namespace.inference_set("none", {"none-a": server.port})["none-a"].set_ready(False)
    namespace.inference_set("empty", {})


def chat(kubeconfig, backend, workspace="my-llama", *more):
    who = ("--kubeconfig", str(kubeconfig), "--workspace-name", workspace)
    return run_kaito("chat", *who, "--backend", backend, *more, "-m", "hello")


def assert_answered(outcome):
    assert (outcome.code, outcome.out) == (0, "Assistant: hello\n"), outcome.err


def assert_forbidden(outcome, needed):
    assert (outcome.code, outcome.out) == (5, ""), outcome.err
    verb, _, resource = needed.partition(" ")
    assert f"may not {needed}" in outcome.err
    assert f"To check: kubectl auth can-i {verb} {resource.partition('/')[0]}" in outcome.err


#: Permissions that only InferenceSets need, and a name that needs them.
FOR_SETS = {"list workspaces.kaito.sh": "inferenceset/some", "get inferencesets.kaito.sh": "inferenceset/empty"}
#: Permissions that are useful, but not necessary to chat.
READINESS = "get workspaces.kaito.sh"
OPTIONAL = {
    READINESS,
    "get services",
    "list endpointslices.discovery.k8s.io",
    "get pods",
    "list pods",
    "watch pods",
}


def test_all_roles_are_tested():
    names = {file.stem for file in (DEPLOY / "rbac").iterdir()}
    assert names == {"cluster-dns", "port-forward", "api-proxy", "ingress", "status", "deploy"}


@pytest.mark.parametrize("backend", ["port-forward", "api-proxy"])
def test_role_is_sufficient(user_of, workspaces, backend):
    kubeconfig = user_of(backend)
    outcome = chat(kubeconfig, backend)
    assert_answered(outcome)
    assert outcome.err == ""
    assert_answered(chat(kubeconfig, backend, "inferenceset/some"))
    outcome = chat(kubeconfig, backend, "inferenceset/none")
    assert outcome.code == 3
    assert "InferenceSet 'none' is not ready for inference" in outcome.err


@pytest.mark.parametrize(
    ("backend", "omitted"),
    [(backend, grant) for backend in ("port-forward", "api-proxy") for grant in grants(backend)],
)
def test_permission_is_necessary(user_of, workspaces, backend, omitted):
    kubeconfig = user_of(backend, omitted)
    outcome = chat(kubeconfig, backend, FOR_SETS.get(omitted, "my-llama"))
    if omitted not in OPTIONAL:
        assert_forbidden(outcome, omitted)
        return
    assert_answered(outcome)
    if omitted == READINESS:
        assert f"may not {READINESS}" in outcome.err


# ingress


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Return the files of a certificate for the host, of its key, and of the authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority("an authority")
    pair = authority.server("ingress", [HOST])
    files = {"cert.pem": pair.public, "key.pem": pair.private, "ca.pem": authority.certificate}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return tuple(str(folder / name) for name in files)


@pytest.fixture
def entrance(start_model_server, tls):
    """Start the server that all routes lead to."""
    return start_model_server(tls=tls[:2])


def add_ingress(client, namespace, port):
    backend = {"service": {"name": "my-llama", "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec = {"rules": [{"host": HOST, "http": {"paths": [path]}}], "tls": [{"hosts": [HOST]}]}
    entry = {"ip": "127.0.0.1", "ports": [{"port": port, "protocol": "TCP"}]}
    namespace.create(NETWORKING, "Ingress", "chat", spec=spec, status={"loadBalancer": {"ingress": [entry]}})


def add_http_route(client, namespace, port):
    certificate = {"certificateRefs": [{"name": "x"}]}
    listener = {"name": "tls", "protocol": "HTTPS", "port": port, "hostname": HOST, "tls": certificate}
    spec = {"gatewayClassName": "any", "listeners": [listener]}
    addresses = [{"type": "IPAddress", "value": "127.0.0.1"}]
    namespace.create(GATEWAY, "Gateway", "entrance", spec=spec, status={"addresses": addresses})
    rules = [{"backendRefs": [{"name": "my-llama", "port": 80}]}]
    spec = {"parentRefs": [{"name": "entrance"}], "hostnames": [HOST], "rules": rules}
    namespace.create(GATEWAY, "HTTPRoute", "chat", spec=spec)


def make_load_balancer(client, namespace, port):
    service = client.patch(client.get("v1", "Service", "my-llama", namespace.name), {"spec": {"type": "LoadBalancer"}})
    client.patch_status(service, {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}})


#: Permissions for ingress, and the route that is not found without them.
ROUTES = {
    "get services": make_load_balancer,
    "list ingresses.networking.k8s.io": add_ingress,
    "list httproutes.gateway.networking.k8s.io": add_http_route,
    "get gateways.gateway.networking.k8s.io": add_http_route,
}


@pytest.mark.parametrize("add", [add_ingress, add_http_route])
def test_role_for_ingress_is_sufficient(user_of, control_plane, namespace, workspaces, entrance, tls, add):
    add(control_plane.client, namespace, entrance.port)
    outcome = chat(user_of("ingress"), "ingress", "my-llama", "--certificate-authority", tls[2])
    assert_answered(outcome)
    assert outcome.err == ""
    assert len(entrance.chats) == 1


@pytest.mark.parametrize("omitted", grants("ingress"))
def test_permission_for_ingress_is_necessary(user_of, control_plane, namespace, workspaces, entrance, tls, omitted):
    add = ROUTES.get(omitted, add_ingress)
    add(control_plane.client, namespace, entrance.port)
    kubeconfig = user_of("ingress", omitted)
    workspace = FOR_SETS.get(omitted, "my-llama")
    outcome = chat(kubeconfig, "ingress", workspace, "--certificate-authority", tls[2])
    if omitted == READINESS:
        assert_answered(outcome)
        assert f"may not {READINESS}" in outcome.err
    elif add == add_http_route and omitted.startswith("get"):
        # The route is known, so its failure is reported as for any other route.
        assert outcome.code == 4
        assert f"may not {omitted}" in outcome.err
    else:
        assert_forbidden(outcome, omitted)


# cluster-dns


@pytest.fixture
def in_pod(control_plane, namespace, server, tmp_path):
    """Return a function that chats in a pod whose service account has a file's Role, except for one permission."""

    def in_pod(omitted, workspace):
        items = read("rbac/cluster-dns.yaml")
        subject = {"kind": "ServiceAccount", "name": "chatting", "namespace": namespace.name}
        apply(control_plane.client, without(items["Role"], omitted), namespace.name)
        apply(control_plane.client, {**items["RoleBinding"], "subjects": [subject]}, namespace.name)
        return run_in_pod(
            control_plane,
            tmp_path,
            ["chat", "--workspace-name", workspace, "--backend", "cluster-dns", "-m", "hello", "--verbose"],
            namespace=namespace.name,
            account="chatting",
            service="some-a" if workspace.startswith("inferenceset/") else "my-llama",
            port=server.port,
        )

    return in_pod


@pytest.mark.parametrize("workspace", ["my-llama", "inferenceset/some"])
def test_role_for_cluster_dns_is_sufficient(in_pod, workspaces, workspace):
    done = in_pod(None, workspace)
    assert (done.returncode, done.stdout) == (0, "Assistant: hello\n"), done.stderr
    assert "may not" not in done.stderr


@pytest.mark.parametrize("omitted", grants("cluster-dns"))
def test_permission_for_cluster_dns_is_necessary(in_pod, workspaces, omitted):
    done = in_pod(omitted, FOR_SETS.get(omitted, "my-llama"))
    assert f"may not {omitted}" in done.stderr
    assert done.returncode == (0 if omitted == READINESS else 5)


# status


def status(kubeconfig, *arguments):
    return run_kaito("status", "--kubeconfig", str(kubeconfig), *arguments)


def test_role_for_status_is_sufficient(user_of, namespace, workspaces):
    namespace.event("none-a-0", "FailedMount", "no such volume")
    kubeconfig = user_of("status")
    outcome = status(kubeconfig)
    assert (outcome.code, outcome.err) == (0, "")
    assert all(name in outcome.out for name in ("my-llama", "inferenceset/some", "inferenceset/none"))
    outcome = status(kubeconfig, "--workspace-name", "my-llama")
    assert (outcome.code, outcome.err) == (0, "")
    assert "3 running" in outcome.out
    outcome = status(kubeconfig, "--workspace-name", "none-a")
    assert outcome.code == 3
    assert "no such volume" in outcome.out
    outcome = status(kubeconfig, "--workspace-name", "inferenceset/none", "--wait=1s")
    assert outcome.code == 3
    assert "InferenceSet 'none' is not ready for inference" in outcome.err


#: Permissions for status, and a command that fails without them.
STATUS = {
    "get workspaces.kaito.sh": ("--workspace-name", "my-llama"),
    "list workspaces.kaito.sh": (),
    "watch workspaces.kaito.sh": ("--workspace-name", "my-llama", "--watch"),
    "get inferencesets.kaito.sh": ("--workspace-name", "inferenceset/some"),
    "watch inferencesets.kaito.sh": ("--workspace-name", "inferenceset/some", "--watch"),
}


@pytest.mark.parametrize("omitted", sorted(STATUS))
def test_permission_for_status_is_necessary(user_of, workspaces, omitted):
    outcome = status(user_of("status", omitted), *STATUS[omitted])
    assert outcome.code == 5, outcome.err
    assert f"may not {omitted}" in outcome.err


#: Permissions for status whose output is omitted silently: a command, and the text that is not shown.
SILENT = {
    "list inferencesets.kaito.sh": ((), "inferenceset/some"),
    "list events": (("--workspace-name", "none-a"), "no such volume"),
    "get services/proxy": (("--workspace-name", "my-llama"), "3 running"),
    "list pods": ((), "CrashLoopBackOff"),
    "list services": ((), "Service 'alone' does not exist"),
    "get services": (("--workspace-name", "alone"), "Service 'alone' does not exist"),
}
#: Permissions without which `--watch` shows only KAITO's conditions.
WATCHED = {"watch pods", "watch services"}


@pytest.fixture
def broken(namespace, workspaces):
    """Create workspaces that KAITO calls ready, one with a pod that crashes and one without a Service."""
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
    container = {"name": "crashing", "image": "", "imageID": "", "ready": False, "restartCount": 7, "state": waiting}
    namespace.workspace("crashing").set_pod_status(containerStatuses=[container])
    namespace.workspace("alone").delete_service()


@pytest.mark.parametrize("omitted", sorted(SILENT))
def test_output_that_a_permission_allows(user_of, namespace, broken, omitted):
    namespace.event("none-a-0", "FailedMount", "no such volume")
    arguments, text = SILENT[omitted]
    assert text in status(user_of("status"), *arguments).out


@pytest.mark.parametrize("omitted", sorted(SILENT))
def test_output_without_permission_is_omitted(user_of, namespace, broken, server, omitted):
    namespace.event("none-a-0", "FailedMount", "no such volume")
    arguments, text = SILENT[omitted]
    outcome = status(user_of("status", omitted), *arguments)
    assert outcome.code in (0, 3)
    assert outcome.err == ""
    assert text not in outcome.out


def test_all_permissions_for_status_are_tested():
    assert set(grants("status")) == {*STATUS, *SILENT, *WATCHED}


@pytest.mark.parametrize("omitted", sorted(WATCHED))
def test_a_watch_without_permission_for_pods_or_services(user_of, workspaces, omitted):
    arguments = ("status", "--kubeconfig", str(user_of("status", omitted)), "--watch")
    with BackgroundProcess(*arguments) as process:
        process.wait_for("my-llama")
        assert process.interrupt() == 130
        assert process.err == []


# deploy


def deploy(kubeconfig, *arguments):
    return run_kaito("deploy", "new", "--model", "phi-4", "--kubeconfig", str(kubeconfig), *arguments)


@pytest.fixture
def settings(tmp_path):
    """Return the path of a file with settings."""
    (tmp_path / "vllm.yaml").write_text("vllm: {}\n")
    return f"{tmp_path}/vllm.yaml"


def test_role_for_deploy_is_sufficient(user_of, settings):
    kubeconfig = user_of("deploy")
    for more in ((), ("--replicas", "2")):
        for again in ("created", "applied"):
            outcome = deploy(kubeconfig, "--inference-config", settings, "--show-diff", *more)
            assert outcome.code == 0, outcome.err
            assert outcome.out.endswith(f"/new {again}\n")


#: Permissions for deploy, and the flags that need them.
DEPLOYED = {"workspaces.kaito.sh": (), "inferencesets.kaito.sh": ("--replicas", "2"), "configmaps": None}


@pytest.mark.parametrize("omitted", grants("deploy"))
def test_permission_for_deploy_is_necessary(user_of, settings, omitted):
    verb, _, resource = omitted.partition(" ")
    flags = DEPLOYED[resource]
    more = ("--inference-config", settings) if flags is None else flags
    outcome = deploy(user_of("deploy", omitted), *more, *(["--show-diff"] if verb == "get" else []))
    assert_forbidden(outcome, omitted)


# A port-forward with less than its Role


TUNNEL = {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]}


def core(resource, *verbs):
    return {"apiGroups": [""], "resources": [resource], "verbs": list(verbs)}


@pytest.mark.parametrize(
    "rules",
    [
        [TUNNEL],
        [TUNNEL, core("pods", "get")],
        [TUNNEL, core("pods", "get", "list")],
        # What `kubectl port-forward service/NAME` needs.
        [TUNNEL, core("pods", "get", "list"), core("services", "get")],
        [TUNNEL, core("services", "get")],
    ],
)
def test_a_port_forward_needs_no_more_than_kubectl(control_plane, namespace, server, rules):
    namespace.workspace(port=server.port)
    user = f"tunnel-{namespace.name}"
    kubeconfig = control_plane.user(user, namespace=namespace.name)
    namespace.grant(user, *rules)
    client = ApiClient(kubeconfig)
    until(lambda: all(may(client, namespace.name, rule) for rule in rules), "the Role is effective")
    assert_answered(chat(kubeconfig, "port-forward"))
