"""Workspaces and InferenceSets, read from the objects that KAITO keeps: what they serve and whether they are ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

#: API group of KAITO's kinds, and its versions, the newest first.
GROUP = "kaito.sh"
VERSIONS = ("v1beta1", "v1alpha1")
#: On a replica: the InferenceSet that made it.
CREATED_BY = "inferenceset.kaito.sh/created-by"
#: On a pod: its workspace.
POD_LABEL = "kaito.sh/workspace"

_RUNTIME = "kaito.sh/runtime"
# The conditions of which each waits for the one before it.
_ORDER = (
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
    """One of an object's conditions."""

    type: str
    #: `True`, `False` or `Unknown`.
    status: str
    reason: str = ""
    message: str = ""
    #: When the status changed last, as it was sent.
    since: str = ""

    def __str__(self) -> str:
        why = ": ".join(part for part in (self.reason, self.message) if part)
        return f"{self.type} is {self.status}" + (f" ({why})" if why else "")


class Metric(Struct, frozen=True, kw_only=True):
    """One figure of the benchmark that KAITO ran when the model was loaded."""

    name: str
    value: str
    unit: str = ""
    description: str = ""
    config: Mapping[str, str] = {}


class Workspace(Struct, frozen=True, kw_only=True):
    """What a Workspace object says."""

    name: str
    namespace: str
    uid: str
    #: When it was created, as it was sent.
    created: str
    #: The preset's name; `None` when it serves a pod template of its own.
    preset: str | None
    #: Names of LoRA adapters.
    adapters: tuple[str, ...]
    #: `vllm` or `transformers`.
    runtime: str
    instance_type: str | None
    #: Nodes that it should have; `None` when it does not tell.
    target_nodes: int | None
    nodes: tuple[str, ...]
    #: `Ready`, `Pending`, `NotReady`, …; `None` before KAITO had that field.
    state: str | None
    conditions: tuple[Condition, ...]
    benchmark: tuple[Metric, ...]
    #: Whether it trains a model instead of serving one.
    tuning: bool
    #: The InferenceSet that it is a replica of.
    inference_set: str | None

    @property
    def ready(self) -> bool:
        """Whether it serves: by its state, in older versions of KAITO by its conditions."""
        if self.tuning:
            return False
        if self.state is not None:
            return self.state == "Ready"
        by_type = {condition.type: condition for condition in self.conditions}
        telling = by_type.get("WorkspaceSucceeded") or by_type.get("InferenceReady")
        return telling is not None and telling.status == "True"

    @property
    def obstacles(self) -> tuple[Condition, ...]:
        """The conditions that are not met, the one that the others wait for first."""
        return obstacles(self.conditions)


class InferenceSet(Struct, frozen=True, kw_only=True):
    """What an InferenceSet object says."""

    name: str
    namespace: str
    created: str
    preset: str | None
    #: Replicas that it should have.
    wanted: int
    #: Replicas that are ready.
    ready_replicas: int
    conditions: tuple[Condition, ...]
    benchmark: tuple[Metric, ...]

    @property
    def ready(self) -> bool:
        """Whether a replica serves."""
        return self.ready_replicas > 0


def obstacles(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return the conditions that are not met, the one that the others wait for first."""
    unmet = [condition for condition in conditions if condition.status != "True"]
    return tuple(sorted(unmet, key=lambda condition: _rank(condition.type)))


def read_workspace(item: Mapping[str, Any]) -> Workspace:
    """Read a Workspace; v1beta1 and v1alpha1 are alike in what is read."""
    metadata, status = _part(item, "metadata"), _part(item, "status")
    inference, resource, tuning = (_part(item, name) for name in ("inference", "resource", "tuning"))
    annotations, labels = _part(metadata, "annotations"), _part(metadata, "labels")
    sources = (_part(adapter, "source") for adapter in inference.get("adapters") or ())
    return Workspace(
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        uid=metadata.get("uid") or "",
        created=metadata.get("creationTimestamp") or "",
        preset=_part(inference or tuning, "preset").get("name"),
        adapters=tuple(str(source["name"]) for source in sources if source.get("name")),
        runtime=str(annotations.get(_RUNTIME) or "vllm").lower(),
        instance_type=resource.get("instanceType") or None,
        target_nodes=status.get("targetNodeCount") or resource.get("count"),
        nodes=tuple(status.get("workerNodes") or ()),
        state=status.get("state") or None,
        conditions=_conditions(status),
        benchmark=_metrics(status),
        tuning=bool(tuning) and not inference,
        inference_set=labels.get(CREATED_BY),
    )


def read_inference_set(item: Mapping[str, Any]) -> InferenceSet:
    """Read an InferenceSet."""
    metadata, spec, status = _part(item, "metadata"), _part(item, "spec"), _part(item, "status")
    preset = _part(_part(_part(spec, "template"), "inference"), "preset")
    return InferenceSet(
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        created=metadata.get("creationTimestamp") or "",
        preset=preset.get("name"),
        wanted=spec.get("replicas", 1),
        ready_replicas=status.get("readyReplicas") or 0,
        conditions=_conditions(status),
        benchmark=_metrics(status),
    )


def _part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = item.get(name)
    return part if isinstance(part, Mapping) else {}


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
    return tuple(sorted(conditions, key=lambda condition: _rank(condition.type)))


def _rank(type_: str) -> int:
    return _ORDER.index(type_) if type_ in _ORDER else len(_ORDER)


def _metrics(status: Mapping[str, Any]) -> tuple[Metric, ...]:
    metrics = _part(_part(status, "performance"), "metrics")
    return tuple(
        Metric(
            name=name,
            value=str(_part(metrics, name).get("value") or ""),
            unit=str(_part(metrics, name).get("unit") or ""),
            description=str(_part(metrics, name).get("description") or ""),
            config=dict(_part(_part(metrics, name), "config")),
        )
        for name in sorted(metrics)
    )
