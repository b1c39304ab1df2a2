"""`kaito models` against a real API server."""

import json
import re

import pytest
import yaml

from kaito.testing import run_kaito
from tests.controlplane import ApiClient, ApiError, until

LIST = """\
models:
  - name: base
    tag: 0.0.7
  - name: llama-3.1-8b-instruct
    type: text-generation
    version: https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct/commit/0e9e39f
    runtime: tfs
    downloadAtRuntime: true
    tag: 0.2.0
  - name: phi-4
    type: text-generation
    runtime: tfs
    tag: 1.0
"""
NO_LIST = "recent versions of KAITO publish none"


@pytest.fixture
def models(namespace):
    """Run `kaito models` in the test's namespace."""

    def models(*arguments, user="admin"):
        return run_kaito("models", "--kubeconfig", str(namespace.kubeconfig(user)), *arguments)

    return models


@pytest.fixture
def offer(namespace):
    """Return a function that publishes a list of models in the test's namespace, and returns the flags to find it."""

    def offer(text=LIST):
        namespace.create("v1", "ConfigMap", "kaito-supported-models", data={"SupportedModels": text})
        return ("--kaito-namespace", namespace.name)

    return offer


def test_what_is_offered_and_what_serves(namespace, models, offer):
    namespace.workspace("my-phi", preset="phi-4")
    namespace.pending_workspace("b")
    namespace.tuning_workspace("tuning")
    namespace.inference_set("s", {"s-a": None}, preset="Qwen/Qwen3-0.6B")
    outcome = models(*offer())
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "Offered:",
        "NAME                    TYPE              SECRET",
        "llama-3.1-8b-instruct   text-generation   needed",
        "phi-4                   text-generation   -",
        "",
        "Served:",
        "NAME             READY   MODEL                   WHY",
        "b                no      llama-3.1-8b-instruct   NodeClaimReady is False (nodeClaimNotReady: 1 nodeClaim is not ready)",
        "my-phi           yes     phi-4",
        "s-a              yes     Qwen/Qwen3-0.6B",
        "inferenceset/s   yes     Qwen/Qwen3-0.6B",
    ]


def test_json_and_yaml_are_equal_and_have_all_fields(namespace, models, offer):
    namespace.workspace("my-phi", preset="phi-4")
    namespace.inference_set("s", {})
    flags = offer()
    data = json.loads(models(*flags, "-o", "json").out)
    assert yaml.safe_load(models(*flags, "-o", "yaml").out) == data
    assert data["offered"][0] == {
        "name": "llama-3.1-8b-instruct",
        "type": "text-generation",
        "runtime": "tfs",
        "tag": "0.2.0",
        "version": "https://huggingface.co/meta-llama/Llama-3.1-8B-Instruct/commit/0e9e39f",
        "needs_secret": True,
        "source": "configmap/kaito-supported-models",
        "state": None,
    }
    workspace, inference_set = data["served"]
    assert (workspace["kind"], workspace["name"], workspace["ready"]) == ("Workspace", "my-phi", True)
    assert (workspace["model"], workspace["runtime"], workspace["nodes"]) == ("phi-4", "vllm", 1)
    assert inference_set["why"] == "0 of 0 replicas are ready"
    assert (inference_set["replicas"], inference_set["ready_replicas"]) == (0, 0)


def test_all_namespaces_and_more_columns(namespace, models, offer):
    namespace.workspace("my-phi", preset="phi-4")
    outcome = models(*offer(), "-A", "-n", "default", "-o", "wide")
    offered, served = outcome.out.split("\nServed:\n")
    assert offered.splitlines()[1].split() == ["NAME", "TYPE", "SECRET", "RUNTIME", "TAG", "SOURCE", "VERSION"]
    header, *rows = [line.split() for line in served.splitlines()]
    assert header == [
        "NAMESPACE",
        "NAME",
        "READY",
        "MODEL",
        "RUNTIME",
        "INSTANCE",
        "NODES",
        "REPLICAS",
        "ADAPTERS",
        "WHY",
    ]
    assert [namespace.name, "my-phi", "yes", "phi-4", "vllm", "Standard_NC24ads_A100_v4", "1", "-", "-"] in rows


def test_a_cluster_without_a_list(namespace, models):
    outcome = models()
    assert (outcome.code, outcome.out) == (0, "")
    assert NO_LIST in outcome.err
    assert "--model ORGANISATION/MODEL" in outcome.err
    assert outcome.err.endswith("No model is served in this namespace; -A lists those of all\n")
    namespace.workspace("my-phi", preset="phi-4")
    outcome = models()
    assert outcome.out.startswith("Served:\nNAME ")
    assert json.loads(models("-o", "json").out)["offered"] == []


def test_the_usual_namespace_is_found(control_plane, models):
    client = control_plane.client
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kaito-workspace"}}
    client.apply(head)
    metadata = {"name": "kaito-supported-models", "namespace": "kaito-workspace"}
    client.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"SupportedModels": LIST}})
    try:
        assert "\nphi-4 " in models().out
        outcome = run_kaito(
            "__complete",
            "deploy",
            "a",
            "--model",
            "ph",
            env={"KUBECONFIG": str(control_plane.kubeconfig("admin"))},
        )
        assert outcome.out == "phi-4\n:4\n"
    finally:
        client.delete("v1", "ConfigMap", "kaito-supported-models", "kaito-workspace")


def test_any_other_namespace_is_found(namespace, models, offer):
    offer()
    assert "\nphi-4 " in models("-n", "default").out


def test_a_copy_of_a_model(control_plane, models):
    mirror = {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "ModelMirror",
        "metadata": {"name": "qwen"},
        "spec": {"source": {"modelID": "Qwen/Qwen3-8B", "registry": "huggingface"}, "storage": {"size": "50Gi"}},
    }
    control_plane.client.create(mirror)
    try:
        control_plane.client.patch_status(mirror, {"phase": "Ready"})
        outcome = models("-o", "wide")
        assert [line.split() for line in outcome.out.splitlines()[:3]] == [
            ["Offered:"],
            ["NAME", "COPY", "SOURCE"],
            ["Qwen/Qwen3-8B", "Ready", "modelmirror/qwen"],
        ]
    finally:
        control_plane.client.delete("kaito.sh/v1alpha1", "ModelMirror", "qwen")


def test_a_list_that_may_not_be_read(namespace, models, offer):
    flags = offer()
    namespace.workspace("my-phi", preset="phi-4")
    outcome = models(*flags, user="viewer")
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "Served:")
    assert outcome.err == (
        "The list of models may not be read\n"
        f"   User 'viewer' may not get configmaps in namespace '{namespace.name}'\n"
        "   This requires a role with verb 'get' on 'configmaps' in API group ''\n"
        f"   To check: kubectl auth can-i get configmaps -n {namespace.name} --kubeconfig {namespace.kubeconfig('viewer')}\n"
    )


def test_workspaces_that_may_not_be_listed(control_plane, namespace, models, offer):
    flags = offer()
    kubeconfig = control_plane.user(namespace=namespace.name)
    user = kubeconfig.name.partition(".")[0]
    namespace.grant(user, {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]})

    def may_get():
        try:
            return ApiClient(kubeconfig).get("v1", "ConfigMap", "kaito-supported-models", namespace.name)
        except ApiError:
            return None

    until(may_get, "the Role is effective")
    outcome = run_kaito("models", "--kubeconfig", str(kubeconfig), *flags)
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, "Offered:")
    assert "What is served may not be listed: User " in outcome.err


@pytest.mark.parametrize(("user", "code"), [("nobody", 5), ("anonymous", 5), ("badtoken", 5), ("down", 4)])
def test_users_who_may_nothing_and_no_cluster(models, user, code):
    outcome = models(user=user)
    assert (outcome.code, outcome.out) == (code, "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("models: [", "it is not valid YAML"),
        ("models: 5", "models: expected array, got int"),
        ("models: [{name: [a]}]", "models[0].name: expected str, got array"),
        ("[" * 1000, "it is nested too deeply"),
    ],
)
def test_a_list_that_is_not_valid(namespace, models, offer, text, reason):
    outcome = models(*offer(text))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(
        f"❌ Error: The list of models in the ConfigMap {namespace.name}/kaito-supported-models is not valid: {reason}"
    )


def test_text_of_the_cluster_is_sanitized(models, offer):
    outcome = models(*offer('models: [{name: "a\\e[31m\\u202eb", type: "x\\ny"}]'))
    assert outcome.out.splitlines()[2].split() == ["ab", "x", "y"]


def test_what_waits_is_not_coloured_as_a_failure(namespace, models):
    namespace.workspace("serves", preset="phi-4")
    namespace.pending_workspace("waits")
    namespace.workspace("fails", preset="phi-4", state="Failed")
    colors = {}
    for line in models("--color", "always").out.splitlines():
        if found := re.match(r"(serves|waits|fails) +\x1b\[(\d+)m(yes|no)\b", line):
            colors[found[1]] = found[2]
    assert colors == {"serves": "32", "waits": "33", "fails": "31"}
