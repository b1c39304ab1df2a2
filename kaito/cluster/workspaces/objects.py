"""Workspace and InferenceSet, parsed from KAITO's custom resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from kaito.cluster.kinds import Condition, Int32, KubernetesObject

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
    #: What is wrong with its pod or its Service; `""` if no problem is known.
    problem: str = ""

    @property
    def ready(self) -> bool:
        """Whether it serves a model: KAITO reports it as ready, and no problem with its pod and Service is known."""
        return self.reported_ready and not self.problem

    @property
    def reported_ready(self) -> bool:
        """Whether KAITO reports it as ready, by its state, or by its conditions if it has no state."""
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

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not ready: the condition that is not met, and what is wrong with its pod or its Service."""
        if self.ready:
            return ()
        problem = (self.problem,) if self.problem else ()
        return problem if self.reported_ready else (*_first_unmet(self.conditions, self.state), *problem)


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
    def reasons(self) -> tuple[str, ...]:
        """Why no replica is ready, by the conditions."""
        return () if self.ready else _first_unmet(self.conditions, None)

    @property
    def unmet_condition(self) -> str:
        """The first condition that is not met; `""` without one."""
        return next(map(str, _unmet(self.conditions)), "")


def parse_workspace(item: WorkspaceObject) -> Workspace:
    """Return the Workspace of a v1beta1 or v1alpha1 object."""
    metadata, status = item.metadata, item.status
    model = item.inference or item.tuning or _Model()
    return Workspace(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        created=metadata.creation_timestamp,
        preset=model.preset.name,
        adapters=tuple(adapter.source.name for adapter in model.adapters if adapter.source.name),
        runtime=metadata.annotations.get(_RUNTIME_ANNOTATION, "vllm").lower(),
        instance_type=item.resource.instance_type or None,
        target_nodes=status.target_node_count or item.resource.count,
        nodes=status.worker_nodes,
        state=status.state or None,
        conditions=_in_order(status.conditions),
        benchmark=status.performance.benchmark,
        tuning=item.tuning is not None and item.inference is None,
        inference_set=metadata.labels.get(INFERENCE_SET_LABEL),
    )


def parse_inference_set(item: InferenceSetObject) -> InferenceSet:
    """Return the InferenceSet of an object."""
    metadata, status = item.metadata, item.status
    return InferenceSet(
        name=metadata.name,
        namespace=metadata.namespace,
        created=metadata.creation_timestamp,
        preset=item.spec.template.inference.preset.name,
        desired_replicas=item.spec.replicas,
        ready_replicas=status.ready_replicas,
        conditions=_in_order(status.conditions),
        benchmark=status.performance.benchmark,
    )


def _unmet(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(condition for condition in conditions if condition.status != "True")


def _first_unmet(conditions: tuple[Condition, ...], state: str | None) -> tuple[str, ...]:
    if unmet := _unmet(conditions):
        return (str(unmet[0]),)
    return (f"state is {state}" if state else "KAITO has not reported a status yet",)


def _in_order(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(sorted(conditions, key=lambda condition: _condition_rank(condition.type)))


def _condition_rank(type_: str) -> int:
    return _CONDITION_ORDER.index(type_) if type_ in _CONDITION_ORDER else len(_CONDITION_ORDER)


# The objects as the API server sends them


class _Preset(Struct, frozen=True, kw_only=True):
    name: str | None = None


class _Source(Struct, frozen=True, kw_only=True):
    name: str = ""


class _Adapter(Struct, frozen=True, kw_only=True):
    source: _Source = _Source()


class _Model(Struct, frozen=True, kw_only=True):
    preset: _Preset = _Preset()
    adapters: tuple[_Adapter, ...] = ()


class _Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    count: Int32 | None = None
    instance_type: str = ""


class _Measurement(Struct, frozen=True, kw_only=True):
    value: str = ""
    unit: str = ""
    description: str = ""
    config: dict[str, str] = {}


class _Performance(Struct, frozen=True, kw_only=True):
    metrics: dict[str, _Measurement] = {}

    @property
    def benchmark(self) -> tuple[Metric, ...]:
        return tuple(
            Metric(name=name, value=one.value, unit=one.unit, description=one.description, config=one.config)
            for name, one in sorted(self.metrics.items())
        )


class _WorkspaceStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    state: str = ""
    target_node_count: Int32 | None = None
    worker_nodes: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    performance: _Performance = _Performance()


class WorkspaceObject(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Workspace as the API server sends it."""

    kind: ClassVar[str] = "Workspace"
    #: In paths.
    plural: ClassVar[str] = "workspaces"

    inference: _Model | None = None
    tuning: _Model | None = None
    resource: _Resource = _Resource()
    status: _WorkspaceStatus = _WorkspaceStatus()


class _Template(Struct, frozen=True, kw_only=True):
    inference: _Model = _Model()


class _InferenceSetSpec(Struct, frozen=True, kw_only=True):
    replicas: Int32 = 1
    template: _Template = _Template()


class _InferenceSetStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    ready_replicas: Int32 = 0
    conditions: tuple[Condition, ...] = ()
    performance: _Performance = _Performance()


class InferenceSetObject(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """An InferenceSet as the API server sends it."""

    kind: ClassVar[str] = "InferenceSet"
    plural: ClassVar[str] = "inferencesets"

    spec: _InferenceSetSpec = _InferenceSetSpec()
    status: _InferenceSetStatus = _InferenceSetStatus()
