"""`kaito deploy` against a real API server, with kubectl as the judge."""

import json
import shutil
import subprocess

import pytest
import yaml

from kaito.testing import child_environment, kaito_command, replay, run_kaito
from tests.controlplane import ApiError, until

ADMISSION = "admissionregistration.k8s.io/v1"
NEXT = (
    "To wait until it is ready: kaito status --workspace-name {name} --wait\n"
    "To chat with it: kaito chat --workspace-name {name}\n"
)


@pytest.fixture
def deploy(namespace, monkeypatch):
    """Run `kaito deploy` in the test's namespace."""

    def deploy(*arguments, user="admin"):
        monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig(user)))
        return run_kaito("deploy", *arguments)

    return deploy


@pytest.fixture
def kubectl(namespace):
    """Run kubectl in the test's namespace, and return its output."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def kubectl(*arguments, text=None):
        done = subprocess.run(
            [program, *arguments],
            env=child_environment({"KUBECONFIG": str(namespace.kubeconfig())}),
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return kubectl


def get(kubectl, kind, name):
    """Return what people set of an object."""
    item = json.loads(kubectl("get", kind, name, "-o", "json"))
    return {key: value for key, value in item.items() if key not in ("metadata", "status")}


def test_a_workspace_is_what_was_asked_for(deploy, kubectl, namespace):
    outcome = deploy("my-phi", "--model", "phi-4", "--instance-type", "T", "--count", "2", "--label-selector", "a=b")
    assert (outcome.code, outcome.out) == (0, "workspace.kaito.sh/my-phi created\n")
    assert outcome.err == NEXT.format(name="my-phi")
    assert get(kubectl, "workspace", "my-phi") == {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "resource": {"count": 2, "instanceType": "T", "labelSelector": {"matchLabels": {"a": "b"}}},
        # The API server adds the default.
        "inference": {"preset": {"name": "phi-4", "accessMode": "public"}},
    }
    managers = json.loads(kubectl("get", "workspace", "my-phi", "-o", "json", "--show-managed-fields"))
    [manager] = managers["metadata"]["managedFields"]
    assert (manager["manager"], manager["operation"]) == ("kaito", "Apply")


def test_everything_that_a_workspace_can_have(deploy, kubectl, tmp_path):
    (tmp_path / "vllm.yaml").write_text("vllm:\n  max-model-len: 2048\n")
    outcome = deploy(
        "my-phi",
        *("--model", "Qwen/Qwen3-0.6B", "--instance-type", "T", "--model-access-secret", "hf", "--load-balancer"),
        *("--adapters", "one=reg/one:1,0.5", "--adapters", "two=reg/two:1"),
        *("--inference-config", f"{tmp_path}/vllm.yaml", "--node-selector", "a=b,c=d"),
    )
    assert outcome.code == 0, outcome.err
    assert outcome.out == "configmap/my-phi-inference-config created\nworkspace.kaito.sh/my-phi created\n"
    workspace = get(kubectl, "workspace", "my-phi")
    assert workspace["resource"]["labelSelector"] == {"matchLabels": {"a": "b", "c": "d"}}
    assert workspace["inference"] == {
        "preset": {
            "name": "Qwen/Qwen3-0.6B",
            "accessMode": "public",
            "presetOptions": {"modelAccessSecret": "hf"},
        },
        "adapters": [
            {"source": {"name": "one", "image": "reg/one:1"}, "strength": "0.5"},
            {"source": {"name": "two", "image": "reg/two:1"}},
        ],
        "config": "my-phi-inference-config",
    }
    annotations = json.loads(kubectl("get", "workspace", "my-phi", "-o", "json"))["metadata"]["annotations"]
    assert annotations == {"kaito.sh/enablelb": "True"}
    config_map = json.loads(kubectl("get", "configmap", "my-phi-inference-config", "-o", "json"))
    assert config_map["data"] == {"inference_config.yaml": "vllm:\n  max-model-len: 2048\n"}
    # It is the user's, and stays when the workspace is deleted.
    assert "ownerReferences" not in config_map["metadata"]


def test_an_inference_set_is_what_was_asked_for(deploy, kubectl):
    outcome = deploy(
        "my-set", "--model", "phi-4", "--replicas", "3", "--instance-type", "T", "--load-balancer", "-o", "name"
    )
    assert (outcome.code, outcome.out) == (0, "inferenceset.kaito.sh/my-set\n")
    assert outcome.err == NEXT.format(name="inferenceset/my-set")
    spec = get(kubectl, "inferenceset", "my-set")["spec"]
    assert (spec["replicas"], spec["labelSelector"]) == (3, {"matchLabels": {"apps": "my-set"}})
    assert spec["template"] == {
        "metadata": {"annotations": {"kaito.sh/enablelb": "True"}},
        "resource": {"instanceType": "T"},
        "inference": {"preset": {"name": "phi-4", "accessMode": "public"}},
    }


@pytest.mark.parametrize("more", [[], ["--replicas", "2"], ["--count", "2", "--load-balancer"]])
def test_kubectl_takes_what_a_dry_run_writes(deploy, kubectl, namespace, tmp_path, more):
    (tmp_path / "vllm.yaml").write_text("vllm: {}\n")
    arguments = ("a", "--model", "phi-4", "--adapters", "x=y:1", "--inference-config", f"{tmp_path}/vllm.yaml", *more)
    for output in ("yaml", "json"):
        for side in ("client", "server"):
            outcome = deploy(*arguments, f"--dry-run={side}", "-o", output)
            assert (outcome.code, outcome.err) == (0, "")
            answer = kubectl("apply", "--dry-run=server", "-f", "-", text=outcome.out)
            assert "kaito.sh/a created (server dry run)" in answer
            # A second tool may apply it with the same result.
            answer = kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", text=outcome.out)
            assert "kaito.sh/a serverside-applied (server dry run)" in answer
    assert kubectl("get", "workspace,inferenceset,configmap", "-o", "name") == ""


def test_a_dry_run_of_the_server_changes_nothing(deploy, kubectl, namespace):
    outcome = deploy("a", "--model", "phi-4", "--dry-run=server")
    assert (outcome.code, outcome.out) == (0, "workspace.kaito.sh/a created (server dry run)\n")
    assert outcome.err == ""
    stored = yaml.safe_load(deploy("a", "--model", "phi-4", "--dry-run=server", "-o", "yaml").out)
    assert stored["inference"]["preset"]["accessMode"] == "public"
    assert "managedFields" not in stored["metadata"]
    assert kubectl("get", "workspaces") == ""


def test_the_difference(deploy, kubectl, namespace):
    deploy("a", "--model", "phi-4", "--instance-type", "T", "--load-balancer")
    arguments = ("a", "--model", "phi-4", "--instance-type", "T", "--count", "2")
    outcome = deploy(*arguments, "--show-diff", "--dry-run=server")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "--- workspace.kaito.sh/a (in the cluster)",
        "+++ workspace.kaito.sh/a (applied)",
        "@@ -5,12 +5,10 @@",
        "     name: phi-4",
        " kind: Workspace",
        " metadata:",
        "-  annotations:",
        "-    kaito.sh/enablelb: 'True'",
        "   name: a",
        f"   namespace: {namespace.name}",
        " resource:",
        "-  count: 1",
        "+  count: 2",
        "   instanceType: T",
        "   labelSelector:",
        "     matchLabels:",
    ]
    assert get(kubectl, "workspace", "a")["resource"]["count"] == 1
    outcome = deploy(*arguments, "--show-diff", "-o", "json")
    assert json.loads(outcome.out)["resource"]["count"] == 2
    assert "+  count: 2\n" in outcome.err
    outcome = deploy(*arguments, "--show-diff", "--dry-run=server")
    assert outcome.out == "workspace.kaito.sh/a would not change\n"
    assert "+  name: b\n" in deploy("b", "--model", "phi-4", "--show-diff").out


def test_fields_of_another_manager(deploy, kubectl):
    deploy("a", "--model", "phi-4", "--instance-type", "T")
    changed = yaml.safe_load(
        deploy("a", "--model", "phi-4", "--instance-type", "U", "--dry-run=client", "-o", "yaml").out
    )
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(changed))
    outcome = deploy("a", "--model", "phi-4", "--instance-type", "T")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "❌ Error: Someone else has set fields of Workspace 'a'\n"
        "   .resource.instanceType belongs to kubectl\n"
        "   To see the difference: --show-diff --dry-run=server. To take these fields over: --force-conflicts\n"
    )
    outcome = deploy("a", "--model", "phi-4", "--instance-type", "T", "--show-diff", "--force-conflicts")
    assert outcome.code == 0
    assert "-  instanceType: U\n+  instanceType: T\n" in outcome.out
    assert get(kubectl, "workspace", "a")["resource"]["instanceType"] == "T"


@pytest.fixture
def policy(control_plane, namespace):
    """Refuse workspaces in the test's namespace by a ValidatingAdmissionPolicy; return when it is effective."""
    client = control_plane.client
    name = f"only-phi-{namespace.name}"
    rule = {"apiGroups": ["kaito.sh"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["workspaces"]}
    validation = {"expression": "object.inference.preset.name.startsWith('phi')", "message": "use a phi model, please"}
    head = {"apiVersion": ADMISSION, "metadata": {"name": name}}
    spec = {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}, "validations": [validation]}
    policy = client.create({**head, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}}
    spec = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    client.create({**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": spec})
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "probe", "namespace": namespace.name},
        "resource": {"labelSelector": {}},
        "inference": {"preset": {"name": "other"}},
    }

    def refuses():
        try:
            path = f"/apis/kaito.sh/v1beta1/namespaces/{namespace.name}/workspaces?dryRun=All"
            client.request("POST", path, workspace)
        except ApiError as exc:
            return "use a phi model" in exc.message
        return False

    until(refuses, "the policy is effective", 30)
    yield policy
    paths = "validatingadmissionpolicybindings", "validatingadmissionpolicies"
    for path in paths:
        client.request("DELETE", f"/apis/{ADMISSION}/{path}/{name}")


def test_the_words_of_an_admission_policy(deploy, policy, tmp_path):
    outcome = deploy("a", "--model", "llama-2-7b")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("❌ Error: The API server refuses Workspace 'a': ")
    assert "use a phi model, please\n" in outcome.err
    assert outcome.err.endswith("   Correct what it names; 'kubectl explain' describes each field\n")
    assert deploy("a", "--model", "phi-4").code == 0
    (tmp_path / "vllm.yaml").write_text("vllm: {}\n")
    flags = ("--inference-config", f"{tmp_path}/vllm.yaml", "--dry-run=server")
    outcome = deploy("b", "--model", "llama-2-7b", *flags)
    assert outcome.code == 1
    assert outcome.err.endswith(
        "   A dry run has not created the ConfigMap of --inference-config, which KAITO checks\n"
    )


def test_the_words_of_a_policy_that_forbids(control_plane, deploy, policy):
    spec = {"validations": [{**policy["spec"]["validations"][0], "reason": "Forbidden"}]}
    control_plane.client.request(
        "PATCH",
        f"/apis/{ADMISSION}/validatingadmissionpolicies/{policy['metadata']['name']}",
        {"spec": spec},
        "application/merge-patch+json",
    )
    outcome = until(lambda: forbidden(deploy("a", "--model", "llama-2-7b")), "the policy has changed", 30)
    assert outcome.err.startswith("❌ Error: The API server refuses Workspace 'a': ")
    assert "use a phi model, please\n" in outcome.err
    assert outcome.err.endswith("   A rule of this cluster forbids it; ask its administrator\n")


def forbidden(outcome):
    return outcome if outcome.code == 5 else None


def test_a_field_that_this_cluster_does_not_have(control_plane, deploy, namespace):
    """A cluster with an older definition, whose presets have no secret."""
    client = control_plane.client
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workspaces.kaito.sh"
    whole = client.request("GET", path)
    older = json.loads(json.dumps(whole))
    for version in older["spec"]["versions"]:
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        del properties["inference"]["properties"]["preset"]["properties"]["presetOptions"]
        del properties["inference"]["properties"]["adapters"]
    try:
        client.request("PUT", path, older)
        document = "/openapi/v3/apis/kaito.sh/v1beta1"
        until(lambda: "AdapterSpec" not in json.dumps(published(client, document)), "the schema has changed", 30)
        outcome = deploy("a", "--model", "phi-4", "--model-access-secret", "hf", "--adapters", "a=b")
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            "❌ Error: --model-access-secret: field inference.preset.presetOptions does not exist in this cluster's "
            "Workspace (kaito.sh/v1beta1)\n"
            "   --adapters: field inference.adapters does not exist\n"
            "   Its version of KAITO may be another one\n"
        )
    finally:
        current = client.request("GET", path)
        client.request("PUT", path, {**whole, "metadata": current["metadata"]})
        until(lambda: "adapters" in published(client, document)["inference"]["properties"], "it is back", 30)


def published(client, path):
    schemas = client.request("GET", path)["components"]["schemas"]
    properties = schemas["sh.kaito.v1beta1.Workspace"]["properties"]
    return {**properties, "AdapterSpec": ""} if "adapters" in properties["inference"]["properties"] else properties


def test_users_who_may_not(deploy, namespace):
    outcome = deploy("a", "--model", "phi-4", user="viewer")
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.err == (
        f"❌ Error: User 'viewer' may not patch workspaces.kaito.sh in namespace '{namespace.name}'\n"
        "   This requires a role with verb 'patch' on 'workspaces' in API group 'kaito.sh'\n"
        f"   To check: kubectl auth can-i patch workspaces.kaito.sh -n {namespace.name}\n"
    )
    assert deploy("a", "--model", "phi-4", user="badtoken").code == 5
    assert deploy("a", "--model", "phi-4", user="down").code == 4
    assert deploy("a", "--model", "phi-4", user="wrongca").code == 4


def test_a_namespace_that_does_not_exist(deploy):
    outcome = deploy("a", "--model", "phi-4", "-n", "nowhere")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == (
        "❌ Error: Namespace 'nowhere' not found\n"
        "   To list the namespaces: kubectl get namespaces\n"
        "   To create it: kubectl create namespace nowhere\n"
    )


def as_somebody(user):
    """Return a user that acts as an administrator named jo."""
    return {**user, "as": "jo", "as-groups": ["system:masters"]}


def by_program(user, tmp_path):
    """Return a user whose token comes from a program."""
    status = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": user}
    (tmp_path / "answer").write_text(json.dumps(status))
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "cat",
            "args": [f"{tmp_path}/answer"],
            "interactiveMode": "Never",
        }
    }


@pytest.mark.parametrize("way", ["token", "impersonation", "program", "server name", "token file"])
def test_the_same_credentials_as_every_other_command(namespace, kubectl, tmp_path, way):
    config = json.loads(namespace.kubeconfig("admin-token").read_text())
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    if way == "impersonation":
        config["users"][0]["user"] = as_somebody(user)
    elif way == "program":
        config["users"][0]["user"] = by_program(user, tmp_path)
    elif way == "token file":
        (tmp_path / "token").write_text(user["token"])
        config["users"][0]["user"] = {"tokenFile": f"{tmp_path}/token"}
    elif way == "server name":
        cluster["server"] = cluster["server"].replace("127.0.0.1", "localhost")
        cluster["tls-server-name"] = "127.0.0.1"
    (tmp_path / "config").write_text(json.dumps(config))
    outcome = run_kaito("deploy", "a", "--model", "phi-4", "--kubeconfig", f"{tmp_path}/config")
    assert (outcome.code, outcome.out) == (0, "workspace.kaito.sh/a created\n"), outcome.err
    assert outcome.err.endswith(f"chat --workspace-name a --kubeconfig {tmp_path}/config\n")
    assert get(kubectl, "workspace", "a")["inference"]["preset"]["name"] == "phi-4"


def test_waiting(control_plane, deploy, namespace):
    namespace.workspace("a", preset="phi-4")
    item = control_plane.client.get("kaito.sh/v1beta1", "Workspace", "a", namespace.name)
    selector = ",".join(f"{key}={value}" for key, value in item["resource"]["labelSelector"]["matchLabels"].items())
    same = ("--model", "phi-4", "--instance-type", item["resource"]["instanceType"], "--label-selector", selector)
    outcome = deploy("a", *same, "--wait=30s", "--force-conflicts")
    assert (outcome.code, outcome.out) == (0, "workspace.kaito.sh/a applied\n"), outcome.err
    assert outcome.err == "To chat with it: kaito chat --workspace-name a\n"
    outcome = deploy("b", "--model", "phi-4", "--wait=1s", "-n", namespace.name)
    assert (outcome.code, outcome.out) == (3, "workspace.kaito.sh/b created\n")
    assert "Workspace 'b' is not ready for inference\n" in outcome.err
    assert outcome.err.endswith("   Not ready after 1s; to wait longer, use --wait=DURATION\n")


def test_the_instance_types_of_the_nodes_are_completed(namespace):
    namespace.workspace("a")
    kubeconfig = str(namespace.kubeconfig("viewer"))
    outcome = run_kaito("__complete", "deploy", "b", "--instance-type", "Stand", env={"KUBECONFIG": kubeconfig})
    assert outcome.out == "Standard_NC24ads_A100_v4\n:4\n"
    outcome = run_kaito("__complete", "deploy", "b", "--kubeconfig", kubeconfig, "--model=lla")
    assert outcome.out == "llama-2-7b\n:4\n"


def test_at_a_terminal(namespace, terminal, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig()))
    replay(
        terminal(kaito_command("deploy", "a", "--model", "phi-4")),
        """
        workspace.kaito.sh/a created
        To wait until it is ready: kaito status --workspace-name a --wait
        To chat with it: kaito chat --workspace-name a
        """,
        code=0,
    )


def test_ctrl_c_ends_the_wait_and_not_the_deployment(namespace, kubectl, terminal, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig()))
    session = terminal(kaito_command("deploy", "a", "--model", "phi-4", "--wait"))
    session.wait_for("Waiting for 'a'")
    session.press("ctrl-c")
    assert session.wait_exit() == 130
    assert session.screen.endswith(
        "\nTo wait until it is ready: kaito status --workspace-name a --wait\n"
        "To chat with it: kaito chat --workspace-name a"
    )
    assert kubectl("get", "workspaces", "-o", "name") == "workspace.kaito.sh/a\n"
