"""The JSON and YAML output of `kaito status`. The guide documents the fields: they must not change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict

from kaito.cluster.kinds import Condition
from kaito.cluster.workspaces.objects import Metric
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, WorkspaceOverview


def table_data(entries: Iterable[Overview]) -> dict[str, Any]:
    """Return the entries of a table, separated into Workspaces and InferenceSets."""
    entries = list(entries)
    return {
        "workspaces": [overview_data(entry) for entry in entries if isinstance(entry, WorkspaceOverview)],
        "inference_sets": [overview_data(entry) for entry in entries if isinstance(entry, InferenceSetOverview)],
    }


def overview_data(overview: Overview) -> dict[str, Any]:
    """Return all fields of a Workspace or an InferenceSet; unknown ones are `None`."""
    return _inference_set_data(overview) if isinstance(overview, InferenceSetOverview) else _workspace_data(overview)


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
        "problem": workspace.problem or None,
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
        "conditions": _conditions_data(workspace.conditions),
        "last_event": asdict(overview.event) if overview.event is not None else None,
        "engine": engine,
        "benchmark": _benchmark_data(workspace.benchmark),
    }


def _inference_set_data(overview: InferenceSetOverview) -> dict[str, Any]:
    inference_set = overview.inference_set
    return {
        "kind": "InferenceSet",
        "name": inference_set.name,
        "namespace": inference_set.namespace,
        "ready": overview.ready,
        "why": overview.why or None,
        "model": inference_set.preset,
        "wanted_replicas": inference_set.desired_replicas,
        "ready_replicas": inference_set.ready_replicas,
        "replicas": [_workspace_data(replica) for replica in overview.replicas],
        "created": inference_set.created,
        "conditions": _conditions_data(inference_set.conditions),
        "benchmark": _benchmark_data(inference_set.benchmark),
    }


def _conditions_data(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    return [asdict(condition) for condition in conditions]


def _benchmark_data(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    return [{**asdict(metric), "config": dict(metric.config)} for metric in metrics]
