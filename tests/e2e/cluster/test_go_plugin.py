"""The examples of KAITO's Go plugin for kubectl, run with kaito: what works, and what docs/go-plugin.md names instead."""

import json

import pytest

from kaito.testing import run_kaito

EXAMPLES = {
    "deploy --workspace-name llama-workspace --model llama-2-7b": 0,
    "deploy --workspace-name phi-workspace --model phi-3.5-mini-instruct --instance-type Standard_NC6s_v3 --count 2 "
    "--model-access-secret my-secret": 0,
    "deploy --workspace-name llama-workspace --model llama-3.1-8b-instruct --model-access-secret hf-token": 0,
    "deploy --workspace-name selective --model llama-2-7b --node-selector gpu-type=A100,zone=us-west-2a": 0,
    "deploy --workspace-name public-llama --model llama-3.1-8b-instruct --enable-load-balancer": 2,
    "deploy --workspace-name public-llama --model llama-3.1-8b-instruct --load-balancer": 0,
    "deploy --workspace-name test-workspace --model phi-3.5-mini-instruct --dry-run": 2,
    "deploy --workspace-name test-workspace --model phi-3.5-mini-instruct --dry-run=client -o yaml": 0,
    "deploy --workspace-name tune-phi --model phi-3.5-mini-instruct --tuning --tuning-method qlora": 2,
    "models list": 2,
    "models list --detailed": 2,
    "models describe phi-3.5-mini-instruct": 2,
    "models": 0,
    "models -o wide": 0,
    "models -o json": 0,
    "status --workspace-name my-llama": 0,
    "status --workspace-name my-llama --show-conditions --show-worker-nodes": 0,
    "get-endpoint --workspace-name my-llama": 0,
    "get-endpoint --workspace-name my-llama --format json": 0,
    "get-endpoint --workspace-name my-llama --format text": 2,
}


@pytest.mark.parametrize(("line", "code"), EXAMPLES.items())
def test_example(namespace, line, code):
    namespace.workspace("my-llama")
    outcome = run_kaito(*line.split(), "--kubeconfig", str(namespace.kubeconfig()))
    assert outcome.code == code, outcome.err
    assert "bug in kaito" not in outcome.err


def test_what_the_go_plugin_s_flags_set(namespace, control_plane):
    for line, code in EXAMPLES.items():
        if line.startswith("deploy") and code == 0:
            assert run_kaito(*line.split(), "--kubeconfig", str(namespace.kubeconfig())).code == 0
    get = control_plane.client.get
    phi = get("kaito.sh/v1beta1", "Workspace", "phi-workspace", namespace.name)
    assert phi["inference"]["preset"]["presetOptions"] == {"modelAccessSecret": "my-secret"}
    assert phi["resource"]["count"] == 2
    assert phi["resource"]["labelSelector"] == {"matchLabels": {"apps": "phi-workspace"}}
    selective = get("kaito.sh/v1beta1", "Workspace", "selective", namespace.name)
    assert selective["resource"]["labelSelector"]["matchLabels"] == {"gpu-type": "A100", "zone": "us-west-2a"}
    public = get("kaito.sh/v1beta1", "Workspace", "public-llama", namespace.name)
    assert public["metadata"]["annotations"] == {"kaito.sh/enablelb": "True"}


def test_an_existing_workspace_is_changed(namespace):
    def deploy(model):
        line = f"deploy --workspace-name a --model {model} -o json --kubeconfig {namespace.kubeconfig()}"
        return json.loads(run_kaito(*line.split()).out)

    assert deploy("one")["inference"]["preset"]["name"] == "one"
    assert deploy("two")["inference"]["preset"]["name"] == "two"
