"""The objects that `kaito deploy` builds."""

from typing import Any

from kaito.subcommands.deploy.deploy_values import Adapter, InferenceConfig
from kaito.subcommands.deploy.manifests import Deployment, build, flag_of

EVERYTHING: Any = {
    "name": "a",
    "model": "phi-4",
    "instance_type": "T",
    "adapters": (Adapter("one", "reg/one:1", "0.5"), Adapter("two", "reg/two:1")),
    "model_access_secret": "hf",
    "config": InferenceConfig(text="vllm: {}\n"),
    "labels": {"pool": "gpu"},
    "load_balancer": True,
}
INFERENCE = {
    "preset": {"name": "phi-4", "presetOptions": {"modelAccessSecret": "hf"}},
    "adapters": [
        {"source": {"name": "one", "image": "reg/one:1"}, "strength": "0.5"},
        {"source": {"name": "two", "image": "reg/two:1"}},
    ],
    "config": "a-inference-config",
}
LOAD_BALANCER = {"kaito.sh/enablelb": "True"}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a-inference-config", "namespace": "team"},
    "data": {"inference_config.yaml": "vllm: {}\n"},
}


def test_the_least():
    assert build(Deployment(kind="Workspace", name="a", model="x/Y")) == [
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "a"},
            "resource": {"labelSelector": {"matchLabels": {"apps": "a"}}},
            "inference": {"preset": {"name": "x/Y"}},
        }
    ]
    assert build(Deployment(kind="InferenceSet", name="a", model="x/Y"), "v1alpha1", "team") == [
        {
            "apiVersion": "kaito.sh/v1alpha1",
            "kind": "InferenceSet",
            "metadata": {"name": "a", "namespace": "team"},
            "spec": {
                "labelSelector": {"matchLabels": {"apps": "a"}},
                "template": {"inference": {"preset": {"name": "x/Y"}}},
            },
        }
    ]


def test_a_workspace_with_everything():
    config_map, workspace = build(Deployment(kind="Workspace", count=2, **EVERYTHING), "v1beta1", "team")
    assert config_map == CONFIG_MAP
    assert workspace == {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "a", "namespace": "team", "annotations": LOAD_BALANCER},
        "resource": {"instanceType": "T", "count": 2, "labelSelector": {"matchLabels": {"pool": "gpu"}}},
        "inference": INFERENCE,
    }


def test_an_inference_set_with_everything():
    config_map, inference_set = build(Deployment(kind="InferenceSet", replicas=0, **EVERYTHING), "v1beta1", "team")
    assert config_map == CONFIG_MAP
    assert inference_set["metadata"] == {"name": "a", "namespace": "team"}
    assert inference_set["spec"] == {
        "replicas": 0,
        "labelSelector": {"matchLabels": {"pool": "gpu"}},
        "template": {
            "metadata": {"annotations": LOAD_BALANCER},
            "resource": {"instanceType": "T"},
            "inference": INFERENCE,
        },
    }


def test_the_name_of_a_config_map_is_only_a_reference():
    plan = Deployment(kind="Workspace", name="a", model="phi-4", config=InferenceConfig(name="mine"))
    [workspace] = build(plan)
    assert workspace["inference"]["config"] == "mine"


def test_the_flag_of_a_field():
    assert flag_of("inference.adapters[0].strength") == "--adapters"
    assert flag_of("spec.template.inference.preset.presetOptions.modelAccessSecret") == "--model-access-secret"
    assert flag_of("spec.template.resource.instanceType") == "--instance-type"
    assert flag_of("spec.replicas") == "--replicas"
    assert flag_of("spec.template.metadata.annotations.kaito.sh/enablelb") == "--load-balancer"
    assert flag_of("inference") is None
    assert flag_of("inference.configuration") is None
