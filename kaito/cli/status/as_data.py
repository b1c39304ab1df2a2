"""What `kaito status` tells, as JSON and YAML hold it. The README has the fields: they stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict

from kaito.cluster.workspaces.objects import Condition, Metric
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, WorkspaceOverview


def table_data(entries: Iterable[Overview]) -> dict[str, Any]:
    """Return all entries of a table: the Workspaces, and the InferenceSets by themselves."""
    entries = list(entries)
    return {
        "workspaces": [overview_data(entry) for entry in entries if isinstance(entry, WorkspaceOverview)],
        "inference_sets": [overview_data(entry) for entry in entries if isinstance(entry, InferenceSetOverview)],
    }


def overview_data(overview: Overview) -> dict[str, Any]:
    """Return a Workspace or an InferenceSet, with all fields whether they are known or not."""
    return _set_data(overview) if isinstance(overview, InferenceSetOverview) else _workspace_data(overview)


def _workspace_data(overview: WorkspaceOverview) -> dict[str, Any]:
    workspace = overview.workspace
    engine = asdict(overview.engine) if overview.engine is not None else None
    if engine is not None:
        engine["gpus"] = [asdict(gpu) for gpu in engine["gpus"]]
    return {
        "kind": "Workspace",
        "name": workspace.name,
        "namespace": workspace.namespace,
        "ready": overview.ready,
        "why": overview.why or None,
        "state": workspace.state,
        "tuning": workspace.tuning,
        "model": workspace.preset,
        "adapters": list(workspace.adapters),
        "runtime": workspace.runtime,
        "instance_type": workspace.instance_type,
        "inference_set": workspace.inference_set,
        "target_nodes": workspace.target_nodes,
        "nodes": [asdict(node) for node in overview.nodes],
        "created": workspace.created,
        "endpoint": overview.endpoint,
        "conditions": _conditions(workspace.conditions),
        "last_event": asdict(overview.event) if overview.event is not None else None,
        "engine": engine,
        "benchmark": _benchmark(workspace.benchmark),
    }


def _set_data(overview: InferenceSetOverview) -> dict[str, Any]:
    found = overview.inference_set
    return {
        "kind": "InferenceSet",
        "name": found.name,
        "namespace": found.namespace,
        "ready": overview.ready,
        "why": overview.why or None,
        "model": found.preset,
        "wanted_replicas": found.desired_replicas,
        "ready_replicas": found.ready_replicas,
        "replicas": [_workspace_data(replica) for replica in overview.replicas],
        "created": found.created,
        "conditions": _conditions(found.conditions),
        "benchmark": _benchmark(found.benchmark),
    }


def _conditions(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    return [asdict(condition) for condition in conditions]


def _benchmark(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    return [{**asdict(metric), "config": dict(metric.config)} for metric in metrics]
