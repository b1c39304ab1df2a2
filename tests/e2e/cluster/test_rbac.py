"""The Roles of `deploy/rbac`: each is enough for its way in, and no rule of it is there for nothing."""

from __future__ import annotations

import copy

import pytest

from kaito.testing import Status, run_kaito
from tests.controlplane import ApiClient, ApiRefusal, until
from tests.controlplane.certificates import Authority
from tests.e2e.cluster.in_pod import run_in_pod
from tests.e2e.cluster.manifests import DEPLOY, apply, read

HOST = "localhost"
NETWORKING, GATEWAY = "networking.k8s.io/v1", "gateway.networking.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RBAC = "rbac.authorization.k8s.io"


def grants(name):
    """Return what a file's Role grants, one verb on one resource each: `get services`, `list workspaces.kaito.sh`."""
    [*all_of_them] = (
        f"{verb} {resource}" + (f".{group}" if group else "")
        for rule in read(f"rbac/{name}.yaml")["Role"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )
    return all_of_them


def without(role, left_out):
    """Return a Role that grants all but one."""
    verb, _, named = (left_out or " ").partition(" ")
    role = copy.deepcopy(role)
    for rule in role["rules"]:
        [group], [resource] = rule["apiGroups"], rule["resources"]
        if named == resource + (f".{group}" if group else ""):
            rule["verbs"] = [one for one in rule["verbs"] if one != verb]
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return role


@pytest.fixture
def user_of(control_plane, namespace):
    """Return the kubeconfig of a new user who has a file's Role, but for what is left out."""

    def user_of(name, left_out=None):
        kubeconfig = control_plane.user(namespace=namespace.name)
        user = kubeconfig.name.partition(".")[0]
        items = read(f"rbac/{name}.yaml")
        assert items.keys() == {"Role", "RoleBinding"}
        role = without(items["Role"], left_out)
        # Another file's Role may bear the same name.
        apply(control_plane.client, role, namespace.name)
        subject = {"apiGroup": RBAC, "kind": "User", "name": user}
        apply(control_plane.client, {**items["RoleBinding"], "subjects": [subject]}, namespace.name)
        client = ApiClient(kubeconfig)
        until(lambda: all(may(client, namespace.name, rule) for rule in role["rules"]), "the Role holds")
        return kubeconfig

    return user_of


def may(client, namespace, rule):
    """Return whether a user may do all of a rule."""
    resource, _, part = rule["resources"][0].partition("/")
    for verb in rule["verbs"]:
        asked = {"namespace": namespace, "verb": verb, "group": rule["apiGroups"][0], "resource": resource}
        review = {"spec": {"resourceAttributes": {**asked, "subresource": part}}}
        head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        try:
            answer = client.request("POST", REVIEWS, {**head, **review})
        except ApiRefusal:
            return False
        if not answer["status"]["allowed"]:
            return False
    return True


@pytest.fixture
def workspaces(namespace, server):
    """Make a workspace, an InferenceSet with a ready replica, and one without."""
    server.route("/metrics", Status(200, "vllm:num_requests_running 3.0\n", content_type="text/plain"))
    namespace.workspace(port=server.port)
    namespace.inference_set("some", {"some-a": server.port})
    namespace.inference_set("none", {"none-a": server.port})["none-a"].set_ready(False)


def chat(kubeconfig, backend, workspace="my-llama", *more):
    who = ("--kubeconfig", str(kubeconfig), "--workspace-name", workspace)
    return run_kaito("chat", *who, "--backend", backend, *more, "-m", "hello")


def assert_answered(outcome):
    assert (outcome.code, outcome.out) == (0, "Assistant: hello\n"), outcome.err


def assert_refused(outcome, needed):
    assert (outcome.code, outcome.out) == (5, ""), outcome.err
    verb, _, resource = needed.partition(" ")
    assert f"may not {needed}" in outcome.err
    assert f"To check: kubectl auth can-i {verb} {resource.partition('/')[0]}" in outcome.err


#: What a file grants for InferenceSets alone, and one that shows the lack of it.
FOR_SETS = {"list workspaces.kaito.sh": "inferenceset/some", "get inferencesets.kaito.sh": "inferenceset/none"}
#: What makes things better, but is not needed to chat.
READINESS = "get workspaces.kaito.sh"
COMFORT = {READINESS, "list pods", "watch pods"}


def test_every_role_is_looked_at_here():
    names = {file.stem for file in (DEPLOY / "rbac").iterdir()}
    assert names == {"cluster-dns", "port-forward", "api-proxy", "ingress", "status"}


@pytest.mark.parametrize("backend", ["port-forward", "api-proxy"])
def test_a_role_is_enough(user_of, workspaces, backend):
    kubeconfig = user_of(backend)
    outcome = chat(kubeconfig, backend)
    assert_answered(outcome)
    assert outcome.err == ""
    assert_answered(chat(kubeconfig, backend, "inferenceset/some"))
    outcome = chat(kubeconfig, backend, "inferenceset/none")
    assert outcome.code == 3
    assert "InferenceSet 'none' is not ready for inference" in outcome.err


@pytest.mark.parametrize(
    ("backend", "left_out"),
    [(backend, grant) for backend in ("port-forward", "api-proxy") for grant in grants(backend)],
)
def test_what_is_left_out_is_missed(user_of, workspaces, backend, left_out):
    kubeconfig = user_of(backend, left_out)
    outcome = chat(kubeconfig, backend, FOR_SETS.get(left_out, "my-llama"))
    if left_out not in COMFORT:
        assert_refused(outcome, left_out)
        return
    assert_answered(outcome)
    if left_out == READINESS:
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
    """Start what stands at the end of each way in."""
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


#: What a file grants for ingress, and the way in that is not found without it.
WAYS = {
    "get services": make_load_balancer,
    "list ingresses.networking.k8s.io": add_ingress,
    "list httproutes.gateway.networking.k8s.io": add_http_route,
    "get gateways.gateway.networking.k8s.io": add_http_route,
}


@pytest.mark.parametrize("add", [add_ingress, add_http_route])
def test_the_role_for_ingress_is_enough(user_of, control_plane, namespace, workspaces, entrance, tls, add):
    add(control_plane.client, namespace, entrance.port)
    outcome = chat(user_of("ingress"), "ingress", "my-llama", "--certificate-authority", tls[2])
    assert_answered(outcome)
    assert outcome.err == ""
    assert len(entrance.chats) == 1


@pytest.mark.parametrize("left_out", grants("ingress"))
def test_what_is_left_out_for_ingress_is_missed(user_of, control_plane, namespace, workspaces, entrance, tls, left_out):
    add = WAYS.get(left_out, add_ingress)
    add(control_plane.client, namespace, entrance.port)
    kubeconfig = user_of("ingress", left_out)
    workspace = FOR_SETS.get(left_out, "my-llama")
    outcome = chat(kubeconfig, "ingress", workspace, "--certificate-authority", tls[2])
    if left_out == READINESS:
        assert_answered(outcome)
        assert f"may not {READINESS}" in outcome.err
    elif add == add_http_route and left_out.startswith("get"):
        # A way is known by then, and what it lacks is told as for any other.
        assert outcome.code == 4
        assert f"may not {left_out}" in outcome.err
    else:
        assert_refused(outcome, left_out)


# cluster-dns


@pytest.fixture
def in_pod(control_plane, namespace, server, tmp_path):
    """Chat in a pod whose service account has a file's Role, but for what is left out."""

    def in_pod(left_out, workspace):
        items = read("rbac/cluster-dns.yaml")
        subject = {"kind": "ServiceAccount", "name": "chatting", "namespace": namespace.name}
        apply(control_plane.client, without(items["Role"], left_out), namespace.name)
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
def test_the_role_for_cluster_dns_is_enough(in_pod, workspaces, workspace):
    done = in_pod(None, workspace)
    assert (done.returncode, done.stdout) == (0, "Assistant: hello\n"), done.stderr
    assert "may not" not in done.stderr


@pytest.mark.parametrize("left_out", grants("cluster-dns"))
def test_what_is_left_out_for_cluster_dns_is_missed(in_pod, workspaces, left_out):
    done = in_pod(left_out, FOR_SETS.get(left_out, "my-llama"))
    assert f"may not {left_out}" in done.stderr
    assert done.returncode == (0 if left_out == READINESS else 5)


# status


def status(kubeconfig, *arguments):
    return run_kaito("status", "--kubeconfig", str(kubeconfig), *arguments)


def test_the_role_for_status_is_enough(user_of, namespace, workspaces):
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


#: What a file grants for status, and a command that shows the lack of it.
STATUS = {
    "get workspaces.kaito.sh": ("--workspace-name", "my-llama"),
    "list workspaces.kaito.sh": (),
    "watch workspaces.kaito.sh": ("--workspace-name", "my-llama", "--watch"),
    "get inferencesets.kaito.sh": ("--workspace-name", "inferenceset/some"),
    "watch inferencesets.kaito.sh": ("--workspace-name", "inferenceset/some", "--watch"),
}


@pytest.mark.parametrize("left_out", sorted(STATUS))
def test_what_is_left_out_for_status_is_missed(user_of, workspaces, left_out):
    outcome = status(user_of("status", left_out), *STATUS[left_out])
    assert outcome.code == 5, outcome.err
    assert f"may not {left_out}" in outcome.err


#: What a file grants for status that is left out in silence: a command, and what it does not show.
QUIET = {
    "list inferencesets.kaito.sh": ((), "inferenceset/some"),
    "list events": (("--workspace-name", "none-a"), "no such volume"),
    "get services/proxy": (("--workspace-name", "my-llama"), "3 running"),
}


@pytest.mark.parametrize("left_out", sorted(QUIET))
def test_what_is_left_out_for_status_is_not_shown(user_of, namespace, workspaces, server, left_out):
    namespace.event("none-a-0", "FailedMount", "no such volume")
    arguments, missed = QUIET[left_out]
    outcome = status(user_of("status", left_out), *arguments)
    assert outcome.code in (0, 3)
    assert outcome.err == ""
    assert missed not in outcome.out


def test_every_grant_for_status_is_looked_at_here():
    assert set(grants("status")) == {*STATUS, *QUIET}
