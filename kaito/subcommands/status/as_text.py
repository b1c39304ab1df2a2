"""The text output of `kaito status`, in the style of `kubectl describe` and `kubectl get`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kaito.cluster.kinds import Condition
from kaito.cluster.workspaces.engine_metrics import EngineMetrics, download_progress
from kaito.cluster.workspaces.objects import Metric
from kaito.cluster.workspaces.overview import InferenceSetOverview, Overview, WorkspaceOverview
from kaito.cluster.workspaces.probes import NodeReadiness
from kaito.console.columns import Page, TextTable, fields
from kaito.types import Cell, Column, Hue, Row, readiness
from kaito.util.durations import age

_NAMESPACE = Column(title="NAMESPACE", least=20)
_WHY = Column(title="WHY", below=True)
_WORKSPACES = (
    Column(title="NAME", least=40),
    Column(title="READY"),
    Column(title="MODEL", rank=1),
    Column(title="RUNTIME", rank=5),
    Column(title="INSTANCE", rank=4),
    Column(title="NODES", rank=3),
    Column(title="AGE", rank=2),
    _WHY,
)
_REPLICAS = (
    Column(title="NAME", least=40),
    Column(title="READY"),
    Column(title="RUNNING", rank=2),
    Column(title="WAITING", rank=1),
    Column(title="CACHE", rank=3),
    Column(title="NODES", rank=5),
    Column(title="AGE", rank=4),
    _WHY,
)
_NODES = (Column(title="NAME", least=40), Column(title="READY"), _WHY)
_CONDITIONS = (
    Column(title="TYPE", least=40),
    Column(title="STATUS"),
    Column(title="SINCE", rank=1),
    Column(title="REASON", below=True),
    Column(title="MESSAGE", below=True),
)


class Table:
    """A table of Workspaces and InferenceSets that can grow; its columns never get narrower.

    Args:
        namespaces: whether to show the namespace.
        page: where it is shown.
    """

    def __init__(self, *, namespaces: bool = False, page: Page | None = None) -> None:
        self._namespaces = namespaces
        self._table = TextTable([*([_NAMESPACE] if namespaces else []), *_WORKSPACES], page or Page())

    def add(self, entries: Iterable[Overview]) -> str:
        """Return the lines of further entries, after the header if they are the first."""
        return self._table.add([*([entry.namespace] if self._namespaces else []), *_row(entry)] for entry in entries)

    @property
    def remark(self) -> str:
        """One line about what does not fit; `""` if everything does."""
        return self._table.remark


class Describer:
    """Describes one Workspace or InferenceSet.

    Args:
        conditions: whether to show all conditions, not only those that are not met.
        nodes: whether to show the nodes.
        context: the name of the cluster's context, if it is shown.
        page: where it is shown.

    Attributes:
        remark: one line about what does not fit; `""` if everything does.
    """

    def __init__(
        self, *, conditions: bool = False, nodes: bool = False, context: str = "", page: Page | None = None
    ) -> None:
        self.remark = ""
        self._conditions = conditions
        self._nodes = nodes
        self._context = context
        self._page = page or Page()

    def describe(self, overview: Overview) -> str:
        """Return its fields, one per line, and its tables."""
        return (
            self._inference_set(overview) if isinstance(overview, InferenceSetOverview) else self._workspace(overview)
        )

    def _workspace(self, overview: WorkspaceOverview) -> str:
        workspace = overview.workspace
        shown: list[tuple[str, str | Cell]] = [
            ("Name", workspace.name),
            ("Namespace", workspace.namespace),
            ("Context", self._context),
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
        return fields(shown, self._page) + self._tables(workspace.conditions, overview.nodes)

    def _inference_set(self, overview: InferenceSetOverview) -> str:
        inference_set = overview.inference_set
        shown: list[tuple[str, str | Cell]] = [
            ("Name", overview.name),
            ("Namespace", inference_set.namespace),
            ("Context", self._context),
            ("Ready", _ready(overview)),
            ("Model", inference_set.preset or ""),
            ("Replicas", f"{inference_set.ready_replicas} of {inference_set.desired_replicas} ready"),
            ("Age", age(inference_set.created)),
            *_benchmark(inference_set.benchmark),
        ]
        text = fields(shown, self._page)
        if overview.replicas:
            text += self._table("Replicas", _REPLICAS, map(_replica, overview.replicas))
        nodes = {node.name: node for replica in overview.replicas for node in replica.nodes}
        return text + self._tables(inference_set.conditions, nodes.values())

    def _tables(self, conditions: Sequence[Condition], nodes: Iterable[NodeReadiness]) -> str:
        text = ""
        rows = [(node.name, readiness(node.ready), node.why) for node in nodes] if self._nodes else []
        if rows:
            text += self._table("Worker nodes", _NODES, rows)
        title = "Conditions" if self._conditions else "Conditions not met"
        shown = [condition for condition in conditions if self._conditions or condition.status != "True"]
        if shown:
            text += self._table(title, _CONDITIONS, map(_condition, shown))
        return text

    def _table(self, title: str, columns: Sequence[Column], rows: Iterable[Row]) -> str:
        table = TextTable(columns, self._page, indent=2)
        text = table.add(rows)
        self.remark = self.remark or table.remark
        return f"{title}:\n{text}"


def _row(entry: Overview) -> list[str | Cell]:
    ready = _readiness(entry)
    if isinstance(entry, InferenceSetOverview):
        inference_set = entry.inference_set
        return [entry.name, ready, inference_set.preset or "", "", "", "", age(inference_set.created), entry.why]
    workspace = entry.workspace
    runtime = "tuning" if workspace.tuning else workspace.runtime
    instance, nodes = workspace.instance_type or "", _node_count(entry)
    return [entry.name, ready, workspace.preset or "", runtime, instance, nodes, age(workspace.created), entry.why]


def _replica(replica: WorkspaceOverview) -> list[str | Cell]:
    engine = replica.engine or EngineMetrics()
    running, waiting = ("" if count is None else str(count) for count in (engine.running, engine.waiting))
    load = [running, waiting, _percent(engine.cache_usage)]
    return [
        replica.name,
        _readiness(replica),
        *load,
        _node_count(replica),
        age(replica.workspace.created),
        replica.why,
    ]


def _condition(condition: Condition) -> list[str | Cell]:
    hue: Hue = "good" if condition.status == "True" else "bad" if condition.status == "False" else "unsure"
    status = Cell(condition.status, hue)
    return [condition.type, status, age(condition.since), condition.reason, condition.message]


def _ready(overview: Overview) -> Cell:
    ready = _readiness(overview)
    return Cell(f"{ready.text}: {overview.why}", ready.hue) if overview.why else ready


def _readiness(overview: Overview) -> Cell:
    """Return whether something is ready. A wait is not shown as a failure, nor is a tuning workspace."""
    is_tuning = isinstance(overview, WorkspaceOverview) and overview.workspace.tuning
    return readiness(overview.ready, waiting=overview.waiting or is_tuning)


def _event(overview: WorkspaceOverview) -> str:
    event = overview.event
    return "" if event is None else f"{event} ({age(event.seen)} ago)"


def _node_count(overview: WorkspaceOverview) -> str:
    """Return the number of nodes, such as `1/2` when the target number is known."""
    actual, target = len(overview.workspace.nodes), overview.workspace.target_nodes
    if target is None:
        return str(actual) if actual else ""
    return f"{actual}/{target}"


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
