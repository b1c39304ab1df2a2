"""`status`, `chat`, `get-endpoint` and `--wait` agree whether a workspace is ready, whatever KAITO's conditions say."""

from __future__ import annotations

import json

import pytest

from kaito.testing import run_kaito
from tests.controlplane import condition
from tests.e2e.background_process import BackgroundProcess


def container(**status):
    return {"name": "model", "image": "", "imageID": "", "ready": False, "restartCount": 0, **status}


def waiting(reason, message="", **more):
    return {"containerStatuses": [container(state={"waiting": {"reason": reason, "message": message}}, **more)]}


UNSCHEDULABLE = {**condition("PodScheduled", False), "reason": "Unschedulable", "message": "0/3 nodes are available"}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}

#: What can be wrong with a pod, and how it is shown.
PROBLEMS = {
    "crash loop": (
        waiting("CrashLoopBackOff", "back-off 5m0s", restartCount=7, lastState=KILLED),
        "Pod my-llama-0 does not run: container 'model' waits: CrashLoopBackOff: back-off 5m0s "
        "(7 restarts, last end: exit code 137, OOMKilled)",
    ),
    "image": (
        waiting("ImagePullBackOff", "no such image"),
        "Pod my-llama-0 does not run: container 'model' waits: ImagePullBackOff: no such image",
    ),
    "init container": (
        {"initContainerStatuses": [container(state=KILLED, restartCount=1)], "phase": "Pending"},
        "Pod my-llama-0 does not run: container 'model' has ended: exit code 137, OOMKilled (1 restart)",
    ),
    "unschedulable": (
        {"phase": "Pending", "conditions": [UNSCHEDULABLE], "containerStatuses": []},
        "Pod my-llama-0 cannot be scheduled: Unschedulable: 0/3 nodes are available",
    ),
    "evicted": (
        {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "containerStatuses": []},
        "Pod my-llama-0 has ended: Evicted: low on memory",
    ),
    "loading": ({}, "Pod my-llama-0 is not ready yet (Running)"),
}


def ask(namespace, *arguments, workspace="my-llama"):
    config = ("--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", workspace)
    return run_kaito(*arguments[:1], *config, *arguments[1:])


def assert_not_ready(namespace, problem, workspace="my-llama", kind="Workspace"):
    """Check that all commands call it not ready, for the same reason."""
    name = workspace.rpartition("/")[2]
    for command in (("chat", "-m", "hello"), ("get-endpoint",), ("status", "--wait=1s")):
        outcome = ask(namespace, *command, workspace=workspace)
        assert outcome.code == 3, outcome.err
        assert f"❌ Error: {kind} '{name}' is not ready for inference\n" in outcome.err
        assert f"   {problem}\n" in outcome.err
    outcome = ask(namespace, "status", "-o", "json", workspace=workspace)
    described = json.loads(outcome.out)
    assert (outcome.code, described["ready"]) == (3, False)
    assert described["why"].endswith(problem)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_pod_that_cannot_serve(namespace, name):
    status, problem = PROBLEMS[name]
    namespace.workspace(ready=False, state="Ready", conditions=[]).set_pod_status(**status)
    namespace.event("my-llama-0", "BackOff", "Back-off restarting the container")
    assert_not_ready(namespace, problem)
    shown = ask(namespace, "chat", "-m", "hello").err
    assert "   Latest pod event: BackOff: Back-off restarting the container\n" in shown


def test_a_service_that_does_not_exist(namespace):
    namespace.workspace().delete_service()
    assert_not_ready(namespace, "Service 'my-llama' does not exist")


def test_a_pod_that_does_not_exist(namespace):
    namespace.workspace().delete_pod()
    assert_not_ready(namespace, "Pod my-llama-0 does not exist")


def test_an_inference_set_whose_replicas_cannot_serve(namespace):
    replicas = namespace.inference_set("s", {"s-a": None, "s-b": None})
    replicas["s-a"].delete_service()
    replicas["s-b"].delete_service()
    assert_not_ready(namespace, "Service 's-a' does not exist", "inferenceset/s", "InferenceSet")


def test_the_table_and_its_changes(namespace):
    workspace = namespace.workspace()
    with BackgroundProcess("status", "--kubeconfig", str(namespace.kubeconfig()), "-w") as process:
        process.wait_for("my-llama   yes")
        workspace.set_pod_status(**PROBLEMS["crash loop"][0])
        process.wait_for("CrashLoopBackOff")
        workspace.set_ready(True)
        process.wait_for("my-llama   yes")
        workspace.delete_service()
        process.wait_for("Service 'my-llama' does not exist")
        assert process.interrupt() == 130


def test_waiting_for_the_pod(namespace, server):
    workspace = namespace.workspace(port=server.port)
    workspace.set_pod_status(**PROBLEMS["image"][0])
    config = ("--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama")
    with BackgroundProcess("chat", *config, "--wait", "-m", "hello") as process:
        process.wait_for("Waiting for 'my-llama': Pod my-llama-0 does not run: container 'model' waits", err=True)
        workspace.set_ready(True)
        process.wait_for("Assistant: hello")
