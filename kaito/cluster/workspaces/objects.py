"""Workspace and InferenceSet, parsed from KAITO's custom resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

#: API group of KAITO's resources, and its versions, newest first.
API_GROUP = "kaito.sh"
API_VERSIONS = ("v1beta1", "v1alpha1")
#: Label of a replica: the name of its InferenceSet.
INFERENCE_SET_LABEL = "inferenceset.kaito.sh/created-by"

_RUNTIME_ANNOTATION = "kaito.sh/runtime"
# Each of these conditions waits for the one before it.
_CONDITION_ORDER = (
    "NodeClaimReady",
    "NodesReady",
    "ResourceReady",
    "ModelMirrorReady",
    "JobStarted",
    "InferenceReady",
    "BenchmarkCompleted",
    "WorkspaceSucceeded",
    "InferenceSetReady",
)


class Condition(Struct, frozen=True, kw_only=True):
    """A condition of an object's status."""

    type: str
    #: `True`, `False` or `Unknown`.
    status: str
    reason: str = ""
    message: str = ""
    #: `lastTransitionTime`, as the API server sent it.
    since: str = ""

    def __str__(self) -> str:
        explanation = ": ".join(part for part in (self.reason, self.message) if part)
        return f"{self.type} is {self.status}" + (f" ({explanation})" if explanation else "")


class Metric(Struct, frozen=True, kw_only=True):
    """One result of the benchmark that KAITO runs after it has loaded a model."""

    name: str
    value: str
    unit: str = ""
    description: str = ""
    config: Mapping[str, str] = {}


class Workspace(Struct, frozen=True, kw_only=True):
    """A Workspace."""

    name: str
    namespace: str
    uid: str
    #: `creationTimestamp`, as the API server sent it.
    created: str
    #: `None` for a custom pod template.
    preset: str | None
    #: Names of LoRA adapters.
    adapters: tuple[str, ...]
    #: `vllm` or `transformers`.
    runtime: str
    instance_type: str | None
    #: How many nodes it should have.
    target_nodes: int | None
    nodes: tuple[str, ...]
    #: `Ready`, `Pending`, `NotReady`, …; `None` from KAITO versions without this field.
    state: str | None
    #: In the order in which KAITO works through them.
    conditions: tuple[Condition, ...]
    benchmark: tuple[Metric, ...]
    #: Whether it trains a model instead of serving one.
    tuning: bool
    #: The InferenceSet that this is a replica of.
    inference_set: str | None

    @property
    def ready(self) -> bool:
        """Whether it serves a model: by its state, or by its conditions when KAITO reports no state."""
        if self.tuning:
            return False
        if self.state is not None:
            return self.state == "Ready"
        by_type = {condition.type: condition for condition in self.conditions}
        decisive = by_type.get("WorkspaceSucceeded") or by_type.get("InferenceReady")
        return decisive is not None and decisive.status == "True"

    @property
    def unmet_conditions(self) -> tuple[Condition, ...]:
        """The conditions that are not met; the one that blocks the others is first."""
        return _unmet(self.conditions)


class InferenceSet(Struct, frozen=True, kw_only=True):
    """An InferenceSet."""

    name: str
    namespace: str
    created: str
    preset: str | None
    desired_replicas: int
    ready_replicas: int
    conditions: tuple[Condition, ...]
    benchmark: tuple[Metric, ...]

    @property
    def ready(self) -> bool:
        """Whether at least one replica serves."""
        return self.ready_replicas > 0

    @property
    def unmet_conditions(self) -> tuple[Condition, ...]:
        """As for :class:`Workspace`."""
        return _unmet(self.conditions)


def parse_workspace(item: Mapping[str, Any]) -> Workspace:
    """Return the Workspace of a v1beta1 or v1alpha1 object."""
    metadata, status = _mapping(item, "metadata"), _mapping(item, "status")
    inference, resource, tuning = (_mapping(item, name) for name in ("inference", "resource", "tuning"))
    annotations, labels = _mapping(metadata, "annotations"), _mapping(metadata, "labels")
    sources = (_mapping(adapter, "source") for adapter in inference.get("adapters") or ())
    return Workspace(
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        uid=metadata.get("uid") or "",
        created=metadata.get("creationTimestamp") or "",
        preset=_mapping(inference or tuning, "preset").get("name"),
        adapters=tuple(str(source["name"]) for source in sources if source.get("name")),
        runtime=str(annotations.get(_RUNTIME_ANNOTATION) or "vllm").lower(),
        instance_type=resource.get("instanceType") or None,
        target_nodes=status.get("targetNodeCount") or resource.get("count"),
        nodes=tuple(status.get("workerNodes") or ()),
        state=status.get("state") or None,
        conditions=_conditions(status),
        benchmark=_metrics(status),
        tuning=bool(tuning) and not inference,
        inference_set=labels.get(INFERENCE_SET_LABEL),
    )


def parse_inference_set(item: Mapping[str, Any]) -> InferenceSet:
    """Return the InferenceSet of an object."""
    metadata, spec, status = _mapping(item, "metadata"), _mapping(item, "spec"), _mapping(item, "status")
    preset = _mapping(_mapping(_mapping(spec, "template"), "inference"), "preset")
    return InferenceSet(
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        created=metadata.get("creationTimestamp") or "",
        preset=preset.get("name"),
        desired_replicas=spec.get("replicas", 1),
        ready_replicas=status.get("readyReplicas") or 0,
        conditions=_conditions(status),
        benchmark=_metrics(status),
    )


def _unmet(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(condition for condition in conditions if condition.status != "True")


def _mapping(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, Mapping) else {}


def _conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    conditions = [
        Condition(
            type=str(condition.get("type") or ""),
            status=str(condition.get("status") or ""),
            reason=str(condition.get("reason") or ""),
            message=str(condition.get("message") or ""),
            since=str(condition.get("lastTransitionTime") or ""),
        )
        for condition in status.get("conditions") or ()
    ]
    return tuple(sorted(conditions, key=lambda condition: _condition_rank(condition.type)))


def _condition_rank(type_: str) -> int:
    return _CONDITION_ORDER.index(type_) if type_ in _CONDITION_ORDER else len(_CONDITION_ORDER)


def _metrics(status: Mapping[str, Any]) -> tuple[Metric, ...]:
    metrics = _mapping(_mapping(status, "performance"), "metrics")
    return tuple(
        Metric(
            name=name,
            value=str(_mapping(metrics, name).get("value") or ""),
            unit=str(_mapping(metrics, name).get("unit") or ""),
            description=str(_mapping(metrics, name).get("description") or ""),
            config=dict(_mapping(_mapping(metrics, name), "config")),
        )
        for name in sorted(metrics)
    )
