"""What `kaito status` tells, for people: aligned, in the manner of `kubectl describe` and `kubectl get`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kaito.cluster.workspaces.engine_metrics import Engine, download_words
from kaito.cluster.workspaces.objects import Condition, Metric
from kaito.cluster.workspaces.overview import Overview, SetOverview, WorkspaceOverview
from kaito.cluster.workspaces.probes import Node
from kaito.console.sanitize import one_line
from kaito.console.width import pad, width
from kaito.util.durations import age

#: What stands for something that is not known.
_UNKNOWN = "-"


class Table:
    """Rows of Workspaces and InferenceSets, which may come a few at a time; the columns never get narrower.

    Args:
        namespaces: whether there is a column for them.
    """

    def __init__(self, *, namespaces: bool = False) -> None:
        self._head = ["NAMESPACE"] if namespaces else []
        self._columns = _Columns([*self._head, "NAME", "READY", "MODEL", "RUNTIME", "INSTANCE", "NODES", "AGE", "WHY"])

    def add(self, entries: Iterable[Overview]) -> str:
        """Return the lines for further entries, below the head if they are the first."""
        return self._columns.add([[entry.namespace] * len(self._head) + _row(entry) for entry in entries])


class Describer:
    """Describes one Workspace or InferenceSet at length.

    Args:
        conditions: whether all conditions are shown, instead of those that are not met.
        nodes: whether the nodes are.
    """

    def __init__(self, *, conditions: bool = False, nodes: bool = False) -> None:
        self._conditions = conditions
        self._nodes = nodes

    def describe(self, overview: Overview) -> str:
        """Return the lines about it."""
        return self._set(overview) if isinstance(overview, SetOverview) else self._workspace(overview)

    def _workspace(self, overview: WorkspaceOverview) -> str:
        workspace = overview.workspace
        fields = [
            ("Name", workspace.name),
            ("Namespace", workspace.namespace),
            ("Ready", _ready(overview)),
            ("State", workspace.state or ""),
            ("Last event", _event(overview)),
            ("Download", download_words(overview.engine) if overview.engine is not None else ""),
            ("Purpose", "tuning" if workspace.tuning else ""),
            ("InferenceSet", workspace.inference_set or ""),
            ("Model", workspace.preset or ("" if workspace.tuning else "of its own pod template")),
            ("Adapters", ", ".join(workspace.adapters)),
            ("Runtime", "" if workspace.tuning else workspace.runtime),
            ("Instance type", workspace.instance_type or ""),
            ("Nodes", _count(overview)),
            ("Age", age(workspace.created)),
            ("Endpoint", overview.endpoint or ""),
            ("Load", _load(overview.engine)),
            *_benchmark(workspace.benchmark),
        ]
        return _aligned(fields) + self._tables(workspace.conditions, overview.nodes)

    def _set(self, overview: SetOverview) -> str:
        found = overview.inference_set
        fields = [
            ("Name", overview.name),
            ("Namespace", found.namespace),
            ("Ready", _ready(overview)),
            ("Model", found.preset or ""),
            ("Replicas", f"{found.ready_replicas} of {found.wanted} ready"),
            ("Age", age(found.created)),
            *_benchmark(found.benchmark),
        ]
        text = _aligned(fields)
        if overview.replicas:
            columns = _Columns(["NAME", "READY", "RUNNING", "WAITING", "CACHE", "NODES", "AGE", "WHY"])
            text += "Replicas:\n" + columns.add([_replica(replica) for replica in overview.replicas], indent="  ")
        nodes = {node.name: node for replica in overview.replicas for node in replica.nodes}
        return text + self._tables(found.conditions, nodes.values())

    def _tables(self, conditions: Sequence[Condition], nodes: Iterable[Node]) -> str:
        text = ""
        if self._nodes:
            rows = [[node.name, _yes(node.ready), node.why] for node in nodes]
            text += "Worker nodes:\n" + _Columns(["NAME", "READY", "WHY"]).add(rows, indent="  ") if rows else ""
        title = "Conditions" if self._conditions else "Conditions not met"
        shown = [condition for condition in conditions if self._conditions or condition.status != "True"]
        if shown:
            columns = _Columns(["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"])
            text += f"{title}:\n" + columns.add([_condition(one) for one in shown], indent="  ")
        return text


class _Columns:
    """Lines of cells, one below the other."""

    def __init__(self, head: Sequence[str]) -> None:
        self._head: Sequence[str] | None = head
        self._widths = [0] * len(head)

    def add(self, rows: Iterable[Sequence[str]], *, indent: str = "") -> str:
        lines = [*([self._head] if self._head is not None else []), *rows]
        self._head = None
        cleaned = [[one_line(cell) or _UNKNOWN for cell in line[:-1]] + [one_line(line[-1])] for line in lines]
        self._widths = [
            max(columns, *map(width, cells))
            for columns, cells in zip(self._widths, zip(*cleaned, strict=True), strict=True)
        ]
        return "".join(indent + self._line(cells) for cells in cleaned)

    def _line(self, cells: Sequence[str]) -> str:
        return "   ".join(map(pad, cells, self._widths)).rstrip() + "\n"


def _aligned(fields: Iterable[tuple[str, str]]) -> str:
    """Return `Key:  value` lines; what has no value is left out."""
    shown = [(key, one_line(value)) for key, value in fields if value]
    columns = max(width(key) for key, _ in shown) + len(":  ")
    return "".join(f"{pad(f'{key}:', columns)}{value}\n" for key, value in shown)


def _row(entry: Overview) -> list[str]:
    ready = _yes(entry.ready)
    if isinstance(entry, SetOverview):
        found = entry.inference_set
        return [entry.name, ready, found.preset or "", "", "", "", age(found.created), entry.why]
    workspace = entry.workspace
    runtime = "tuning" if workspace.tuning else workspace.runtime
    instance, nodes = workspace.instance_type or "", _count(entry)
    return [entry.name, ready, workspace.preset or "", runtime, instance, nodes, age(workspace.created), entry.why]


def _replica(replica: WorkspaceOverview) -> list[str]:
    engine = replica.engine or Engine()
    running, waiting = ("" if count is None else str(count) for count in (engine.running, engine.waiting))
    load = [running, waiting, _percent(engine.cache_usage)]
    return [replica.name, _yes(replica.ready), *load, _count(replica), age(replica.workspace.created), replica.why]


def _condition(condition: Condition) -> list[str]:
    return [condition.type, condition.status, age(condition.since), condition.reason, condition.message]


def _ready(overview: Overview) -> str:
    word = "yes" if overview.ready else "no"
    return f"{word}: {overview.why}" if overview.why else word


def _event(overview: WorkspaceOverview) -> str:
    event = overview.event
    return "" if event is None else f"{event} ({age(event.seen)} ago)"


def _count(overview: WorkspaceOverview) -> str:
    """Return how many nodes it has of how many it should have."""
    have, want = len(overview.workspace.nodes), overview.workspace.target_nodes
    if want is None:
        return str(have) if have else ""
    return f"{have}/{want}"


def _yes(ready: bool | None) -> str:
    return "unknown" if ready is None else "yes" if ready else "no"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _load(engine: Engine | None) -> str:
    """Return what the inference server says of its load."""
    if engine is None or not engine.tells_load:
        return ""
    told = [f"{engine.running} running"] if engine.running is not None else []
    told += [f"{engine.waiting} waiting"] if engine.waiting is not None else []
    told += [f"cache {_percent(engine.cache_usage)} full"] if engine.cache_usage is not None else []
    rate, first = engine.prefix_cache_hit_rate, engine.first_token_s
    told += [f"{_percent(rate)} of prompts from the cache"] if rate is not None else []
    told += [f"first token after {first:.2f} s"] if first is not None else []
    told += [f"{gpu.name} {gpu.load}, {gpu.memory_used} of {gpu.memory_total}" for gpu in engine.gpus]
    return ", ".join(told)


def _benchmark(metrics: Iterable[Metric]) -> Iterator[tuple[str, str]]:
    for metric in metrics:
        kind = f" ({metric.description})" if metric.description else ""
        yield "Benchmark", f"{metric.name} {metric.value} {metric.unit}".rstrip() + kind
