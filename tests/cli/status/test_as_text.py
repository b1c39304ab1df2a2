"""The output of `kaito status`, as text and as data."""

import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kaito.cluster.workspaces.engine_metrics import EngineMetrics, Gpu
from kaito.cluster.workspaces.objects import InferenceSetObject, WorkspaceObject, parse_inference_set, parse_workspace
from kaito.cluster.workspaces.overview import InferenceSetOverview, deleted_overview, unprobed_workspace
from kaito.cluster.workspaces.probes import NodeReadiness, PodEvent
from kaito.console.columns import Page
from kaito.console.width import width
from kaito.subcommands.status.as_data import overview_data, table_data
from kaito.subcommands.status.as_text import Describer, Table
from kaito.util.decoding import convert

CONDITIONS = [
    {"type": "WorkspaceSucceeded", "status": "False", "reason": "workspaceFailed", "message": "not ready"},
    {"type": "NodesReady", "status": "False", "reason": "", "message": "0 of 2 nodes", "lastTransitionTime": "x"},
    {"type": "NodeClaimReady", "status": "True"},
]


def workspace(name="w", *, labels=None, status=None, **parts):
    metadata = {"name": name, "namespace": "ns", "uid": "1", "creationTimestamp": "x", "labels": labels or {}}
    parts.setdefault("inference", {"preset": {"name": "phi-4"}})
    return unprobed_workspace(
        parse_workspace(convert({"metadata": metadata, "status": status or {}, **parts}, WorkspaceObject))
    )


def inference_set(**status):
    metadata = {"name": "s", "namespace": "ns", "creationTimestamp": "x"}
    template = {"inference": {"preset": {"name": "phi-4"}}}
    return parse_inference_set(
        convert(
            {"metadata": metadata, "spec": {"replicas": 2, "template": template}, "status": status}, InferenceSetObject
        )
    )


def overview(**parts):
    found = workspace(
        resource={"instanceType": "big"},
        inference={"preset": {"name": "phi-4"}, "adapters": [{"source": {"name": "a"}}, {"source": {"name": "b"}}]},
        status={
            "state": "NotReady",
            "targetNodeCount": 2,
            "workerNodes": ["n1"],
            "conditions": CONDITIONS,
            "performance": {"metrics": {"peak": {"value": "7", "unit": "tokens/min", "description": "stress"}}},
        },
    )
    return type(found)(workspace=found.workspace, **parts)


def test_all_fields_of_a_workspace():
    found = overview(
        event=PodEvent(type="Warning", reason="BackOff", message="again", seen="x"),
        engine=EngineMetrics(
            running=2,
            waiting=0,
            cache_usage=0.125,
            prefix_cache_hit_rate=0.5,
            first_token_s=0.25,
            download_bytes_per_s=5e6,
            download_remaining_s=61,
        ),
        nodes=(NodeReadiness(name="n1", ready=False, why="gone"), NodeReadiness(name="n2")),
    )
    assert Describer(nodes=True).describe(found) == (
        "Name:           w\n"
        "Namespace:      ns\n"
        "Ready:          no: NodesReady is False (0 of 2 nodes)\n"
        "State:          NotReady\n"
        "Last event:     BackOff: again (- ago)\n"
        "Download:       5 MB/s, 61s left\n"
        "Model:          phi-4\n"
        "Adapters:       a, b\n"
        "Runtime:        vllm\n"
        "Instance type:  big\n"
        "Nodes:          1/2\n"
        "Age:            -\n"
        "Endpoint:       http://w.ns.svc.cluster.local\n"
        "Load:           2 running, 0 waiting, KV cache 12% used, prefix cache hit rate 50%, first token after 0.25 s\n"
        "Benchmark:      peak 7 tokens/min (stress)\n"
        "Worker nodes:\n"
        "  NAME   READY     WHY\n"
        "  n1     no        gone\n"
        "  n2     unknown\n"
        "Conditions not met:\n"
        "  TYPE                 STATUS   SINCE   REASON            MESSAGE\n"
        "  NodesReady           False    -       -                 0 of 2 nodes\n"
        "  WorkspaceSucceeded   False    -       workspaceFailed   not ready\n"
    )
    assert "NodeClaimReady       True" in Describer(conditions=True).describe(found)


@pytest.mark.parametrize(
    ("found", "ready", "why"),
    [
        (workspace(status={"state": "Ready"}), True, ""),
        (workspace(status={"state": "NotReady"}), False, "state is NotReady"),
        (workspace(), False, "KAITO has not reported a status yet"),
        (workspace(status={"conditions": [{"type": "InferenceReady", "status": "True"}]}), True, ""),
        (workspace(inference=None, tuning={"preset": {"name": "x"}}), False, "tuning workspaces do not serve a model"),
        (deleted_overview(workspace(status={"state": "Ready"})), False, "deleted"),
        (InferenceSetOverview(inference_set=inference_set(readyReplicas=2)), True, ""),
        (InferenceSetOverview(inference_set=inference_set(readyReplicas=1)), True, "1 of 2 replicas are ready"),
        (InferenceSetOverview(inference_set=inference_set()), False, "0 of 2 replicas are ready"),
        (
            InferenceSetOverview(inference_set=inference_set(conditions=CONDITIONS)),
            False,
            "0 of 2 replicas are ready: NodesReady is False (0 of 2 nodes)",
        ),
        (
            InferenceSetOverview(inference_set=inference_set(), replicas=(workspace(status={"state": "Pending"}),)),
            False,
            "0 of 2 replicas are ready: state is Pending",
        ),
        (deleted_overview(InferenceSetOverview(inference_set=inference_set(readyReplicas=2))), False, "deleted"),
    ],
)
def test_ready_and_why(found, ready, why):
    assert (found.ready, found.why) == (ready, why)
    data = overview_data(found)
    assert (data["ready"], data["why"]) == (ready, why or None)


def test_a_tuning_workspace():
    text = Describer().describe(workspace(inference=None, tuning={"preset": {"name": "phi-3"}}))
    assert "Purpose:    tuning\nModel:      phi-3\n" in text
    assert "Endpoint" not in text
    assert "Runtime" not in text


def test_a_custom_template_and_a_gpu():
    found = workspace(inference={"template": {}}, labels={"inferenceset.kaito.sh/created-by": "s"})
    gpu = Gpu(name="A100", load="25%", memory_used="1 GB", memory_total="2 GB")
    text = Describer().describe(type(found)(workspace=found.workspace, engine=EngineMetrics(gpus=(gpu,))))
    assert "InferenceSet:  s\nModel:         custom pod template\n" in text
    assert "Load:          A100 25%, 1 GB of 2 GB\n" in text


def test_an_inference_set():
    replicas = (workspace("s-a", status={"state": "Ready", "workerNodes": ["n1"]}), workspace("s-b"))
    found = InferenceSetOverview(inference_set=inference_set(readyReplicas=1), replicas=replicas)
    assert Describer(nodes=True).describe(found) == (
        "Name:       inferenceset/s\n"
        "Namespace:  ns\n"
        "Ready:      yes: 1 of 2 replicas are ready\n"
        "Model:      phi-4\n"
        "Replicas:   1 of 2 ready\n"
        "Age:        -\n"
        "Replicas:\n"
        "  NAME   READY   RUNNING   WAITING   CACHE   NODES   AGE   WHY\n"
        "  s-a    yes     -         -         -       1       -\n"
        "  s-b    no      -         -         -       -       -     KAITO has not reported a status yet\n"
        "Worker nodes:\n"
        "  NAME   READY     WHY\n"
        "  n1     unknown\n"
    )


def test_a_growing_table():
    table = Table(namespaces=True)
    first = table.add([workspace(status={"state": "Ready"})])
    assert first == (
        "NAMESPACE   NAME   READY   MODEL   RUNTIME   INSTANCE   NODES   AGE   WHY\n"
        "ns          w      yes     phi-4   vllm      -          -       -\n"
    )
    assert table.add([InferenceSetOverview(inference_set=inference_set(readyReplicas=2)), workspace("x")]) == (
        "ns          inferenceset/s   yes     phi-4   -         -          -       -\n"
        "ns          x                no      phi-4   vllm      -          -       -     "
        "KAITO has not reported a status yet\n"
    )


def test_control_characters_are_removed():
    evil = "a\x1b[31m\x07\u202e\nb"
    found = overview(
        event=PodEvent(type="", reason="", message=evil, seen=""),
        nodes=(NodeReadiness(name=evil, ready=False, why=evil),),
    )
    text = Describer(conditions=True, nodes=True).describe(found) + Table().add(
        [workspace(inference={"preset": {"name": evil}})]
    )
    assert "a b" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,250}[a-z0-9])?", fullmatch=True) | st.text(min_size=1, max_size=100)


@pytest.mark.parametrize("columns", [80, 40])
@given(NAMES, NAMES, NAMES)
def test_no_line_is_longer_than_the_window(columns, name, why, namespace):
    page = Page(window=lambda: columns)
    conditions = [{"type": name or "x", "status": "False", "reason": why, "message": f"{why} {name}"}]
    found = workspace(name, status={"conditions": conditions}, resource={"instanceType": name})
    found = type(found)(
        workspace=found.workspace,
        event=PodEvent(type="Warning", reason=name, message=why, seen="x"),
        nodes=(NodeReadiness(name=name, ready=False, why=why),),
    )
    in_set = InferenceSetOverview(inference_set=inference_set(readyReplicas=1), replicas=(found,))
    describer = Describer(conditions=True, nodes=True, context=namespace, page=page)
    table = Table(namespaces=True, page=page)
    text = describer.describe(found) + describer.describe(in_set) + table.add([found, in_set]) + table.add([found])
    assert max(width(line) for line in text.splitlines() if "://" not in line) <= columns


def test_a_table_in_narrow_windows():
    entries = [
        workspace("my-llama", status={"state": "Ready", "workerNodes": ["n"]}, resource={"instanceType": "Standard_A"}),
        workspace("pending", status={"state": "Pending", "conditions": CONDITIONS}),
    ]
    wide, narrow = Table(page=Page(window=lambda: 79)), Table(page=Page(window=lambda: 39))
    assert wide.add(entries) == (
        "NAME       READY   MODEL   RUNTIME   INSTANCE     NODES   AGE\n"
        "my-llama   yes     phi-4   vllm      Standard_A   1       -\n"
        "pending    no      phi-4   vllm      -            -       -\n"
        "  NodesReady is False (0 of 2 nodes)\n"
    )
    assert narrow.add(entries) == (
        "NAME       READY   MODEL   NODES   AGE\n"
        "my-llama   yes     phi-4   1       -\n"
        "pending    no      phi-4   -       -\n"
        "  NodesReady is False (0 of 2 nodes)\n"
    )
    assert (wide.remark, narrow.remark) == ("", "(-o wide also shows RUNTIME, INSTANCE)")


def test_columns_of_lesser_rank_make_room_for_whole_names():
    models = {"my-phi": "phi-4-mini-instruct", "my-llama": "llama-3.1-8b-instruct"}
    entries = [
        workspace(name, inference={"preset": {"name": model}}, resource={"instanceType": "Standard_NC24ads_A100_v4"})
        for name, model in models.items()
    ]
    for columns, namespaces in ((79, True), (79, False), (60, True), (39, False)):
        table = Table(namespaces=namespaces, page=Page(window=partial(int, columns)))
        text = table.add(entries)
        assert "…" not in text
        assert all(model in text for model in models.values())
        assert "INSTANCE" in table.remark or (columns, namespaces) == (79, False)
    narrow = Table(page=Page(window=lambda: 39))
    assert "the-first-workspace-of-team-a" in narrow.add([workspace("the-first-workspace-of-team-a")])


def test_conditions_in_a_narrow_window():
    text = Describer(page=Page(window=lambda: 39)).describe(overview())
    assert text.endswith(
        "Conditions not met:\n"
        "  TYPE                 STATUS   SINCE\n"
        "  NodesReady           False    -\n"
        "    0 of 2 nodes\n"
        "  WorkspaceSucceeded   False    -\n"
        "    workspaceFailed: not ready\n"
    )
    assert "Endpoint:\n  http://w.ns.svc.cluster.local\n" in text


def test_readiness_has_a_colour():
    page = Page(paint=lambda text, hue: f"<{hue}>{text}")
    describer = Describer(page=page, context="kind-dev")
    assert "Ready:          <good>yes\n" in describer.describe(overview_with(status={"state": "Ready"}))
    assert "Ready:          <unsure>no: KAITO" in describer.describe(overview_with())
    assert "Ready:          <bad>no: state" in describer.describe(overview_with(status={"state": "NotReady"}))
    for problem, hue in (("Pod w-0 is not ready yet (Pending)", "unsure"), ("Pod w-0 does not run: x", "bad")):
        found = overview_with(status={"state": "Pending"})
        found = type(found)(workspace=replace(found.workspace, problem=problem))
        assert f"Ready:          <{hue}>no: state is Pending\n" in describer.describe(found)
    assert "Context:        kind-dev\n" in describer.describe(overview_with())
    assert "<bad>False" in describer.describe(overview())


def overview_with(**parts):
    """Return a workspace whose longest field is `Instance type`."""
    return workspace(resource={"instanceType": "big"}, **parts)


def test_data_always_has_all_fields():
    full = overview(
        event=PodEvent(type="Warning", reason="r", message="m", seen="t"),
        engine=EngineMetrics(running=1, gpus=(Gpu(name="A100"),)),
        nodes=(NodeReadiness(name="n1", ready=True),),
    )
    data, bare_data = json.loads(json.dumps(overview_data(full))), overview_data(workspace())
    assert data.keys() == bare_data.keys()
    assert data["engine"]["gpus"][0]["name"] == "A100"
    assert data["benchmark"] == [
        {"name": "peak", "value": "7", "unit": "tokens/min", "description": "stress", "config": {}}
    ]
    assert data["last_event"] == {"type": "Warning", "reason": "r", "message": "m", "seen": "t"}
    table = table_data([workspace(), InferenceSetOverview(inference_set=inference_set())])
    assert [entry["kind"] for entry in table["workspaces"] + table["inference_sets"]] == ["Workspace", "InferenceSet"]
