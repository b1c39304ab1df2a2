"""Builds the objects of a deployment: a Workspace or an InferenceSet, and the ConfigMap with the server's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from kaito.subcommands.deploy.deploy_values import Adapter, InferenceConfig

GROUP = "kaito.sh"
#: The API version for a dry run without a cluster: that of KAITO 0.5 and later.
DEFAULT_VERSION = "v1beta1"

#: KAITO compares the value with this word.
_LOAD_BALANCER = {"kaito.sh/enablelb": "True"}
#: The key by which KAITO reads the ConfigMap.
_CONFIG_KEY = "inference_config.yaml"
#: Which flag sets a field. In an InferenceSet the fields are in `spec.template`, but for those of `spec`.
_FLAGS = {
    "resource.instanceType": "--instance-type",
    "resource.count": "--count",
    "resource.labelSelector": "--label-selector",
    "inference.preset.name": "--model",
    "inference.preset.presetOptions": "--model-access-secret",
    "inference.adapters": "--adapters",
    "inference.config": "--inference-config",
    "metadata.annotations": "--load-balancer",
    "spec.replicas": "--replicas",
    "spec.labelSelector": "--label-selector",
}


class Deployment(Struct, frozen=True, kw_only=True):
    """What the user wants to deploy."""

    kind: Literal["Workspace", "InferenceSet"]
    name: str
    model: str
    instance_type: str | None = None
    #: `None` leaves it to KAITO.
    count: int | None = None
    replicas: int | None = None
    adapters: tuple[Adapter, ...] = ()
    model_access_secret: str | None = None
    config: InferenceConfig | None = None
    #: Labels that its nodes have.
    labels: Mapping[str, str] = {}
    load_balancer: bool = False

    @property
    def workspace(self) -> str:
        """The value of `--workspace-name`."""
        return f"inferenceset/{self.name}" if self.kind == "InferenceSet" else self.name


def build(plan: Deployment, version: str = DEFAULT_VERSION, namespace: str | None = None) -> list[dict[str, Any]]:
    """Return the objects in the order in which they are applied."""
    in_namespace = {"namespace": namespace} if namespace else {}
    items = []
    config = plan.config.name if plan.config is not None else None
    if plan.config is not None and plan.config.text:
        # It has no owner reference: others may use the ConfigMap, so it stays when the workspace is deleted.
        config = f"{plan.name}-inference-config"
        metadata = {"name": config, **in_namespace}
        data = {_CONFIG_KEY: plan.config.text}
        items.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    # A label of KAITO's own, such as kaito.sh/workspace, would be ignored or refused.
    selector = {"matchLabels": dict(plan.labels) or {"apps": plan.name}}
    annotations = {"annotations": dict(_LOAD_BALANCER)} if plan.load_balancer else {}
    instance = {"instanceType": plan.instance_type} if plan.instance_type else {}
    head = {"apiVersion": f"{GROUP}/{version}", "kind": plan.kind}
    metadata = {"name": plan.name, **in_namespace}
    inference = _inference(plan, config)
    if plan.kind == "Workspace":
        count = {"count": plan.count} if plan.count is not None else {}
        resource = {**instance, **count, "labelSelector": selector}
        items.append({**head, "metadata": {**metadata, **annotations}, "resource": resource, "inference": inference})
    else:
        # KAITO copies these annotations to each replica.
        template: dict[str, Any] = {"metadata": annotations} if annotations else {}
        template |= {"resource": instance} if instance else {}
        replicas = {"replicas": plan.replicas} if plan.replicas is not None else {}
        spec = {**replicas, "labelSelector": selector, "template": {**template, "inference": inference}}
        items.append({**head, "metadata": metadata, "spec": spec})
    return items


def flag_of(field: str) -> str | None:
    """Return the flag that sets a field, such as `inference.adapters[0].strength`; `None` for one without a flag."""
    inner = field.removeprefix("spec.template.")
    return next((flag for start, flag in _FLAGS.items() if (inner + ".").startswith((f"{start}.", f"{start}["))), None)


def _inference(plan: Deployment, config: str | None) -> dict[str, Any]:
    secret = plan.model_access_secret
    options = {"presetOptions": {"modelAccessSecret": secret}} if secret else {}
    adapters = [
        {
            "source": {"name": adapter.name, "image": adapter.image},
            **({"strength": adapter.strength} if adapter.strength is not None else {}),
        }
        for adapter in plan.adapters
    ]
    return {
        "preset": {"name": plan.model, **options},
        **({"adapters": adapters} if adapters else {}),
        **({"config": config} if config else {}),
    }
