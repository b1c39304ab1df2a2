"""The text output of `kaito status`, in the style of `kubectl describe` and `kubectl get`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kaito.cluster.kinds import Condition
from kaito.cluster.workspaces.engine_metrics import EngineMetrics, download_progress
from kaito.cluster.workspaces.objects import Metric
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, WorkspaceOverview
from kaito.cluster.workspaces.probes import NodeReadiness
from kaito.console.width import pad, width
from kaito.util.durations import age
from kaito.util.sanitize import one_line

_UNKNOWN = "-"


class Table:
    """A table of Workspaces and InferenceSets that can grow; its columns never get narrower.

    Args:
        namespaces: whether to show the namespace.
    """

    def __init__(self, *, namespaces: bool = False) -> None:
        self._namespaces = namespaces
        namespace = ["NAMESPACE"] if namespaces else []
        self._columns = _Columns([*namespace, "NAME", "READY", "MODEL", "RUNTIME", "INSTANCE", "NODES", "AGE", "WHY"])

    def add(self, entries: Iterable[Overview]) -> str:
        """Return the lines of further entries, after the header if they are the first."""
        return self._columns.add([([entry.namespace] if self._namespaces else []) + _row(entry) for entry in entries])


class Describer:
    """Describes one Workspace or InferenceSet.

    Args:
        conditions: whether to show all conditions, not only those that are not met.
        nodes: whether to show the nodes.
    """

    def __init__(self, *, conditions: bool = False, nodes: bool = False) -> None:
        self._conditions = conditions
        self._nodes = nodes

    def describe(self, overview: Overview) -> str:
        """Return its fields, one per line, and its tables."""
        return (
            self._inference_set(overview) if isinstance(overview, InferenceSetOverview) else self._workspace(overview)
        )

    def _workspace(self, overview: WorkspaceOverview) -> str:
        workspace = overview.workspace
        fields = [
            ("Name", workspace.name),
            ("Namespace", workspace.namespace),
            ("Ready", _ready(overview)),
            ("State", workspace.state or ""),
            ("Problem", workspace.problem if workspace.problem != overview.why else ""),
            ("Last event", _event(overview)),
            ("Download", download_progress(overview.engine) if overview.engine is not None else ""),
            ("Purpose", "tuning" if workspace.tuning else ""),
            ("InferenceSet", workspace.inference_set or ""),
            ("Model", workspace.preset or ("" if workspace.tuning else "custom pod template")),
            ("Adapters", ", ".join(workspace.adapters)),
            ("Runtime", "" if workspace.tuning else workspace.runtime),
            ("Instance type", workspace.instance_type or ""),
            ("Nodes", _node_count(overview)),
            ("Age", age(workspace.created)),
            ("Endpoint", overview.endpoint or ""),
            ("Load", _load(overview.engine)),
            *_benchmark(workspace.benchmark),
        ]
        return _aligned(fields) + self._tables(workspace.conditions, overview.nodes)

    def _inference_set(self, overview: InferenceSetOverview) -> str:
        inference_set = overview.inference_set
        fields = [
            ("Name", overview.name),
            ("Namespace", inference_set.namespace),
            ("Ready", _ready(overview)),
            ("Model", inference_set.preset or ""),
            ("Replicas", f"{inference_set.ready_replicas} of {inference_set.desired_replicas} ready"),
            ("Age", age(inference_set.created)),
            *_benchmark(inference_set.benchmark),
        ]
        text = _aligned(fields)
        if overview.replicas:
            columns = _Columns(["NAME", "READY", "RUNNING", "WAITING", "CACHE", "NODES", "AGE", "WHY"])
            text += "Replicas:\n" + columns.add([_replica(replica) for replica in overview.replicas], indent="  ")
        nodes = {node.name: node for replica in overview.replicas for node in replica.nodes}
        return text + self._tables(inference_set.conditions, nodes.values())

    def _tables(self, conditions: Sequence[Condition], nodes: Iterable[NodeReadiness]) -> str:
        text = ""
        if self._nodes:
            rows = [[node.name, _yes_or_no(node.ready), node.why] for node in nodes]
            text += "Worker nodes:\n" + _Columns(["NAME", "READY", "WHY"]).add(rows, indent="  ") if rows else ""
        title = "Conditions" if self._conditions else "Conditions not met"
        shown = [condition for condition in conditions if self._conditions or condition.status != "True"]
        if shown:
            columns = _Columns(["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"])
            text += f"{title}:\n" + columns.add([_condition(one) for one in shown], indent="  ")
        return text


class _Columns:
    """Aligns cells in columns, below a header."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header: Sequence[str] | None = header
        self._widths = [0] * len(header)

    def add(self, rows: Iterable[Sequence[str]], *, indent: str = "") -> str:
        lines = [*([self._header] if self._header is not None else []), *rows]
        self._header = None
        cleaned = [[one_line(cell) or _UNKNOWN for cell in line[:-1]] + [one_line(line[-1])] for line in lines]
        self._widths = [
            max(columns, *map(width, cells))
            for columns, cells in zip(self._widths, zip(*cleaned, strict=True), strict=True)
        ]
        return "".join(indent + self._line(cells) for cells in cleaned)

    def _line(self, cells: Sequence[str]) -> str:
        return "   ".join(map(pad, cells, self._widths)).rstrip() + "\n"


def _aligned(fields: Iterable[tuple[str, str]]) -> str:
    """Return `Key:  value` lines; fields without a value are left out."""
    shown = [(key, one_line(value)) for key, value in fields if value]
    columns = max(width(key) for key, _ in shown) + len(":  ")
    return "".join(f"{pad(f'{key}:', columns)}{value}\n" for key, value in shown)


def _row(entry: Overview) -> list[str]:
    ready = _yes_or_no(entry.ready)
    if isinstance(entry, InferenceSetOverview):
        inference_set = entry.inference_set
        return [entry.name, ready, inference_set.preset or "", "", "", "", age(inference_set.created), entry.why]
    workspace = entry.workspace
    runtime = "tuning" if workspace.tuning else workspace.runtime
    instance, nodes = workspace.instance_type or "", _node_count(entry)
    return [entry.name, ready, workspace.preset or "", runtime, instance, nodes, age(workspace.created), entry.why]


def _replica(replica: WorkspaceOverview) -> list[str]:
    engine = replica.engine or EngineMetrics()
    running, waiting = ("" if count is None else str(count) for count in (engine.running, engine.waiting))
    load = [running, waiting, _percent(engine.cache_usage)]
    return [
        replica.name,
        _yes_or_no(replica.ready),
        *load,
        _node_count(replica),
        age(replica.workspace.created),
        replica.why,
    ]


def _condition(condition: Condition) -> list[str]:
    return [condition.type, condition.status, age(condition.since), condition.reason, condition.message]


def _ready(overview: Overview) -> str:
    word = "yes" if overview.ready else "no"
    return f"{word}: {overview.why}" if overview.why else word


def _event(overview: WorkspaceOverview) -> str:
    event = overview.event
    return "" if event is None else f"{event} ({age(event.seen)} ago)"


def _node_count(overview: WorkspaceOverview) -> str:
    """Return the number of nodes, such as `1/2` when the target number is known."""
    actual, target = len(overview.workspace.nodes), overview.workspace.target_nodes
    if target is None:
        return str(actual) if actual else ""
    return f"{actual}/{target}"


def _yes_or_no(ready: bool | None) -> str:
    return "unknown" if ready is None else "yes" if ready else "no"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _load(engine: EngineMetrics | None) -> str:
    """Return the load of the inference server."""
    if engine is None or not engine.reports_load:
        return ""
    parts = [f"{engine.running} running"] if engine.running is not None else []
    parts += [f"{engine.waiting} waiting"] if engine.waiting is not None else []
    parts += [f"KV cache {_percent(engine.cache_usage)} used"] if engine.cache_usage is not None else []
    hit_rate, first_token = engine.prefix_cache_hit_rate, engine.first_token_s
    parts += [f"prefix cache hit rate {_percent(hit_rate)}"] if hit_rate is not None else []
    parts += [f"first token after {first_token:.2f} s"] if first_token is not None else []
    parts += [f"{gpu.name} {gpu.load}, {gpu.memory_used} of {gpu.memory_total}" for gpu in engine.gpus]
    return ", ".join(parts)


def _benchmark(metrics: Iterable[Metric]) -> Iterator[tuple[str, str]]:
    for metric in metrics:
        kind = f" ({metric.description})" if metric.description else ""
        yield "Benchmark", f"{metric.name} {metric.value} {metric.unit}".rstrip() + kind
