"""`kaito deploy` without a cluster: its flags, and the objects that it writes."""

import json
import subprocess
import sys

import pytest
import yaml

from kaito.testing import child_environment

DEPLOY = ("deploy", "my-phi", "--model", "phi-4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deploy"], "NAME is missing\n   See 'kaito deploy --help'"),
        (["deploy", "my-phi"], "--model is required\n   To list what this cluster offers: kaito models\n"),
        (
            ["deploy", "my-phi", "-n", "team", "--context", "my prod"],
            "--model is required\n   To list what this cluster offers: kaito models -n team --context 'my prod'\n",
        ),
        (
            ["deploy", "My", "--model", "phi-4"],
            "NAME: 'My' is not a name such as my-llama, workspace/my-llama or inferenceset/my-set, of at most",
        ),
        ([*DEPLOY, "--model", "a b"], "--model: 'a b' is not a preset such as phi-4, or a Hugging Face id"),
        ([*DEPLOY, "--count", "0"], "--count: '0' is not a whole number from 1 to 1000"),
        ([*DEPLOY, "--replicas", "nan"], "--replicas: 'nan' is not a whole number from 0 to 1000"),
        ([*DEPLOY, "--count", "1", "--replicas", "1"], "--count: cannot be used with --replicas"),
        (["deploy", "inferenceset/a", "--model", "m", "--count", "1"], "--count: cannot be used with --replicas"),
        ([*DEPLOY, "--adapters", "a"], "--adapters: 'a' is not NAME=IMAGE[,STRENGTH]"),
        ([*DEPLOY, "--adapters", "a=b", "--adapters", "a=c"], "--adapters: 'a' is given twice"),
        ([*DEPLOY, "--label-selector", "x"], "--label-selector: 'x' is not KEY=VALUE"),
        ([*DEPLOY, "--inference-config", "./none"], "--inference-config: './none' cannot be read: No such file"),
        ([*DEPLOY, "--dry-run", "both"], "--dry-run: 'both' is not one of client, server"),
        ([*DEPLOY, "--dry-run"], "--dry-run: needs a value"),
        ([*DEPLOY, "--dry-run=client", "--wait"], "--wait: cannot be used with --dry-run"),
        ([*DEPLOY, "--dry-run=client", "--show-diff"], "--show-diff: cannot be used with --dry-run=client"),
        ([*DEPLOY, "--dry-run=client", "--force-conflicts"], "--force-conflicts: cannot be used with --dry-run=client"),
        ([*DEPLOY, "--replicas", "0", "--wait"], "--wait: cannot be used with --replicas 0"),
        ([*DEPLOY, "--workspace-name", "b"], "--workspace-name: 'b' contradicts the name 'my-phi'"),
        ([*DEPLOY, "-o", "wide"], "--output: 'wide' is not one of plain, yaml, json, name"),
        (
            [*DEPLOY, "--enable-load-balancer"],
            "Unknown flag '--enable-load-balancer'\n   Did you mean --load-balancer?",
        ),
        (["models", "--kaito-namespace", "A"], "--kaito-namespace: 'A' is not the name of a namespace"),
        (["models", "list"], "Unexpected argument 'list'"),
    ],
)
def test_invalid_arguments(kaito, arguments, message):
    outcome = kaito(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"❌ Error: {message}")


@pytest.mark.parametrize("arguments", [DEPLOY, [*DEPLOY, "--dry-run=server"], ["models"]])
def test_no_cluster(kaito, arguments):
    outcome = kaito(*arguments)
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("❌ Error: No cluster is configured\n   There is no kubeconfig at ")


def test_a_dry_run_of_the_client(kaito):
    outcome = kaito(*DEPLOY, "--dry-run=client")
    assert (outcome.code, outcome.out, outcome.err) == (0, "workspace.kaito.sh/my-phi created (dry run)\n", "")
    assert kaito(*DEPLOY, "--dry-run=client", "-o", "name").out == "workspace.kaito.sh/my-phi\n"
    outcome = kaito(*DEPLOY, "--dry-run=client", "-o", "yaml", "--instance-type", "T")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "apiVersion: kaito.sh/v1beta1\n"
        "kind: Workspace\n"
        "metadata:\n"
        "  name: my-phi\n"
        "resource:\n"
        "  instanceType: T\n"
        "  labelSelector:\n"
        "    matchLabels:\n"
        "      apps: my-phi\n"
        "inference:\n"
        "  preset:\n"
        "    name: phi-4\n"
    )


def test_the_name_by_either_way(kaito):
    for name in (["my-set"], ["inferenceset/my-set"], ["--workspace-name", "inferenceset/my-set"]):
        replicas = ["--replicas", "2"] if name == ["my-set"] else []
        outcome = kaito("deploy", *name, "--model", "a/B", *replicas, "-n", "team", "--dry-run=client", "-o", "json")
        item = json.loads(outcome.out)
        assert (item["kind"], item["metadata"]) == ("InferenceSet", {"name": "my-set", "namespace": "team"})
        assert item["spec"].get("replicas") == (2 if replicas else None)


def test_two_objects_are_a_list(kaito, tmp_path):
    (tmp_path / "vllm.yaml").write_text("vllm:\n  max-model-len: 2048\n")
    outcome = kaito(*DEPLOY, "--inference-config", f"{tmp_path}/vllm.yaml", "--dry-run=client", "-o", "yaml")
    assert "    inference_config.yaml: |\n      vllm:\n        max-model-len: 2048\n" in outcome.out
    config_map, workspace = yaml.safe_load(outcome.out)["items"]
    assert workspace["inference"]["config"] == config_map["metadata"]["name"] == "my-phi-inference-config"


def test_a_dry_run_of_the_client_imports_no_client():
    program = (
        "import sys\nfrom kaito.cli import main\ncode = main()\n"
        "print(code, sorted({'aiohttp', 'asyncio', 'kubernetes'} & {*sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *DEPLOY, "--dry-run=client"],
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "0 []\n"
