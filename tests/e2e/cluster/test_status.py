"""`kaito status` against a real API server."""

import json

import pytest
import yaml

from kaito.testing import ModelServer, Status, kaito_command, run_kaito

METRICS = """\
vllm:num_requests_running{engine="0"} 3.0
vllm:num_requests_waiting{engine="0"} 1.0
vllm:kv_cache_usage_perc{engine="0"} 0.5
"""
PENDING = "NodeClaimReady is False (nodeClaimNotReady: 1 nodeClaim is not ready)"


@pytest.fixture
def status(namespace):
    """Run `kaito status` in the test's namespace."""

    def run(*arguments, user="admin"):
        return run_kaito("status", "--kubeconfig", str(namespace.kubeconfig(user)), *arguments)

    return run


def field(text, name):
    """Return the value of a `Name:  value` line; `None` if there is none."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith(" "))
    value = lines.get(name)
    return None if value is None else value.strip()


def test_a_ready_workspace_and_its_load(namespace, status):
    with ModelServer() as server:
        server.route("/metrics", Status(200, METRICS, content_type="text/plain"))
        workspace = namespace.workspace(port=server.port)
        metric = {"value": "1234", "unit": "tokens/min", "description": "stress"}
        workspace.patch_status(targetNodeCount=1, performance={"metrics": {"peakTokensPerMinute": metric}})
        outcome = status("--workspace-name", "my-llama", "--show-worker-nodes")
    assert (outcome.code, outcome.err) == (0, "")
    assert field(outcome.out, "Name") == "my-llama"
    assert field(outcome.out, "Namespace") == namespace.name
    assert field(outcome.out, "Ready") == "yes"
    assert field(outcome.out, "Model") == "llama-2-7b"
    assert field(outcome.out, "Instance type") == "Standard_NC24ads_A100_v4"
    assert field(outcome.out, "Nodes") == "1/1"
    assert field(outcome.out, "Endpoint") == f"http://my-llama.{namespace.name}.svc.cluster.local"
    assert field(outcome.out, "Load") == "3 running, 1 waiting, KV cache 50% used"
    assert field(outcome.out, "Benchmark") == "peakTokensPerMinute 1234 tokens/min (stress)"
    assert outcome.out.endswith("Worker nodes:\n  NAME          READY   WHY\n  kwok-node-0   yes\n")


def test_permission_to_read_workspaces_only(namespace, status):
    with ModelServer() as server:
        server.route("/metrics", Status(200, METRICS, content_type="text/plain"))
        namespace.workspace(port=server.port)
        outcome = status("--workspace-name", "my-llama", user="viewer")
    assert (outcome.code, outcome.err, field(outcome.out, "Load")) == (0, "", None)


def test_a_workspace_that_is_not_ready(namespace, status):
    workspace = namespace.pending_workspace()
    namespace.event(workspace.pod_name, "FailedScheduling", "0/1 nodes are available")
    outcome = status("--workspace-name", "pending", "--show-conditions")
    assert (outcome.code, outcome.err) == (3, "")
    assert field(outcome.out, "Ready") == f"no: {PENDING}"
    assert field(outcome.out, "State") == "Pending"
    assert (field(outcome.out, "Last event") or "").startswith("FailedScheduling: 0/1 nodes are available (")
    assert "Conditions:\n  TYPE " in outcome.out
    assert [line.split()[0] for line in outcome.out.partition("Conditions:\n")[2].splitlines()[1:]] == [
        "NodeClaimReady",
        "ResourceReady",
        "InferenceReady",
        "WorkspaceSucceeded",
    ]


def test_a_tuning_workspace(namespace, status):
    namespace.tuning_workspace()
    outcome = status("--workspace-name", "tuning")
    assert outcome.code == 3
    assert field(outcome.out, "Ready") == "no: tuning workspaces do not serve a model"
    assert field(outcome.out, "Model") == "phi-3-mini-128k-instruct"
    assert field(outcome.out, "Endpoint") is None


@pytest.mark.parametrize(("ready", "code"), [(True, 0), (False, 3)])
def test_an_older_operator_without_state(namespace, status, ready, code):
    namespace.workspace(api_version="kaito.sh/v1alpha1", ready=ready)
    outcome = status("--workspace-name", "my-llama")
    assert (outcome.code, field(outcome.out, "State")) == (code, None)


def test_a_workspace_without_status(namespace, status):
    namespace.workspace(pod=False, ready=False, state="", conditions=[])
    outcome = status("--workspace-name", "my-llama")
    assert (outcome.code, field(outcome.out, "Ready")) == (3, "no: KAITO has not reported a status yet")


def test_an_inference_set_and_its_replicas(namespace, status):
    with ModelServer() as server:
        server.route("/metrics", Status(200, METRICS, content_type="text/plain"))
        namespace.inference_set("phi", {"phi-a": server.port, "phi-b": None})
        outcome = status("--workspace-name", "inferenceset/phi")
    assert (outcome.code, outcome.err) == (0, "")
    assert field(outcome.out, "Name") == "inferenceset/phi"
    assert field(outcome.out, "Ready") == "yes"
    rows = [line.split() for line in outcome.out.partition("Replicas:\n")[2].splitlines()]
    assert rows[0] == ["NAME", "READY", "RUNNING", "WAITING", "CACHE", "NODES", "AGE", "WHY"]
    assert rows[1][:6] == ["phi-a", "yes", "3", "1", "50%", "1/1"]
    assert rows[2][:6] == ["phi-b", "yes", "-", "-", "-", "1/1"]
    assert status("--workspace-name", "phi").code == 3


def test_a_missing_workspace(control_plane, namespace, status):
    namespace.workspace("my-llama", pod=False)
    outcome = status("--workspace-name", "my-lama")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == (
        f"❌ Error: Workspace 'my-lama' not found in namespace '{namespace.name}'\n"
        "   Did you mean 'my-llama'?\n"
        f"   To list all workspaces: kaito status -A --kubeconfig {namespace.kubeconfig('admin')}\n"
    )
    outcome = status("--workspace-name", "my-llama", "-n", "default")
    assert f"Found in: {namespace.name} (use -n {namespace.name})" in outcome.err


def test_no_permission_and_no_api_server(namespace, status):
    namespace.workspace(pod=False)
    for arguments in (["--workspace-name", "my-llama"], []):
        outcome = status(*arguments, user="nobody")
        assert (outcome.code, outcome.out) == (5, "")
        assert "❌ Error: User 'nobody' may not " in outcome.err
    assert status(user="down").code == 4


def test_a_table(namespace, status):
    namespace.workspace("a")
    namespace.pending_workspace("b")
    namespace.tuning_workspace("c")
    namespace.inference_set("s", {"s-a": None})
    outcome = status()
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split(maxsplit=7) for line in outcome.out.splitlines()]
    assert rows[0] == ["NAME", "READY", "MODEL", "RUNTIME", "INSTANCE", "NODES", "AGE", "WHY"]
    assert [row[:4] + row[7:] for row in rows[1:]] == [
        ["a", "yes", "llama-2-7b", "vllm"],
        ["b", "no", "llama-3.1-8b-instruct", "vllm", PENDING],
        ["c", "no", "phi-3-mini-128k-instruct", "tuning", "tuning workspaces do not serve a model"],
        ["s-a", "yes", "phi-4", "vllm"],
        ["inferenceset/s", "yes", "phi-4", "-"],
    ]
    everywhere = status("-A", "-n", "default").out.splitlines()
    assert everywhere[0].split()[:2] == ["NAMESPACE", "NAME"]
    assert [namespace.name, "a"] in [line.split()[:2] for line in everywhere]


def test_an_empty_table(namespace, status):
    outcome = status()
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == f"No workspaces found in namespace '{namespace.name}'.\n"
    outcome = status("-o", "json")
    assert json.loads(outcome.out) == {"workspaces": [], "inference_sets": []}


def test_an_empty_table_at_a_terminal_says_where_it_looked_and_what_to_do(namespace, terminal):
    env = {"KUBECONFIG": str(namespace.kubeconfig("admin", "gpu-cluster"))}
    session = terminal(kaito_command("status"), env=env)
    assert session.wait_exit() == 0
    assert session.transcript.rstrip() == (
        f"(context gpu-cluster, namespace {namespace.name})\n"
        f"No workspaces found in namespace '{namespace.name}'.\n"
        "   To list all workspaces: kaito status -A"
    )


def test_json_and_yaml_are_equal(namespace, status):
    namespace.pending_workspace("b")
    namespace.inference_set("s", {"s-a": None})
    for arguments in (["--workspace-name", "b"], ["--workspace-name", "inferenceset/s"], []):
        as_json, as_yaml = status(*arguments, "-o", "json"), status(*arguments, "-o", "yaml")
        assert as_json.code == as_yaml.code == (3 if "b" in arguments else 0)
        assert json.loads(as_json.out) == yaml.safe_load(as_yaml.out)
    data = json.loads(status("--workspace-name", "b", "-o", "json").out)
    assert (data["ready"], data["why"], data["state"], data["model"]) == (
        False,
        PENDING,
        "Pending",
        "llama-3.1-8b-instruct",
    )
    table = json.loads(status("-o", "json").out)
    assert [entry["name"] for entry in table["workspaces"] + table["inference_sets"]] == ["b", "s-a", "s"]


def test_wait_then_show(namespace, status):
    namespace.workspace("a")
    outcome = status("--workspace-name", "a", "--wait", "-o", "json")
    assert (outcome.code, outcome.err, json.loads(outcome.out)["ready"]) == (0, "", True)
    namespace.pending_workspace("b")
    outcome = status("--workspace-name", "b", "--wait=1s")
    assert outcome.code == 3
    assert field(outcome.out, "Ready") == f"no: {PENDING}"
    assert outcome.err == (
        f"Waiting for 'b': {PENDING}\n"
        "❌ Error: Workspace 'b' is not ready for inference\n"
        f"   {PENDING}\n"
        "   Not ready after 1s; to wait longer, use --wait=DURATION\n"
    )
