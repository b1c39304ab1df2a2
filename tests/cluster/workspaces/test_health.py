"""Why a Workspace's pod or Service cannot serve."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from kaito.cluster.kinds import Pod, Service
from kaito.cluster.workspaces.health import Backing
from kaito.util.decoding import convert


def pod(workspace: str, *, ready: bool = True, namespace: str = "default", **labels: str) -> Pod:
    metadata = {
        "name": f"{workspace}-0",
        "namespace": namespace,
        "labels": {"kaito.sh/workspace": workspace, "app": "kaito", **labels},
    }
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return convert({"metadata": metadata, "status": {"phase": "Running", "conditions": conditions}}, Pod)


def service(name: str, **selector: str) -> Service:
    spec = {"selector": selector}
    return convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, Service)


def test_what_is_not_known_is_not_a_problem():
    assert Backing().problem("default", "w") == ""
    assert Backing(pods=[pod("w")]).problem("default", "w") == ""
    assert Backing(services=[service("w", a="b")]).problem("default", "w") == ""


def test_the_pods_are_those_that_the_service_selects():
    pods = [pod("w", ready=False), pod("other", part="w")]
    assert Backing(pods=pods, services=[service("w", part="w", app="kaito")]).problem("default", "w") == ""
    backing = Backing(pods=pods, services=[service("w")])
    assert backing.problem("default", "w") == "Pod w-0 is not ready yet (Running)"
    assert backing.problem("default", "other") == "Service 'other' does not exist"
    assert Backing(pods=[pod("w", namespace="x")]).problem("default", "w") == "Pod w-0 does not exist"


def test_pods_without_the_label_are_not_known():
    assert Backing(pods=[], services=[service("w", app="mine")]).problem("default", "w") == ""


def test_the_work_for_many_workspaces_is_linear():
    def calls(count: int) -> int:
        pods = [pod(f"w{number}") for number in range(count)]
        services = [
            service(f"w{number}", **{"app": "kaito", "kaito.sh/workspace": f"w{number}"}) for number in range(count)
        ]
        lines = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal lines
            lines += 1
            return trace

        sys.settrace(trace)
        try:
            backing = Backing(pods=pods, services=services)
            assert not any(backing.problem("default", f"w{number}") for number in range(count))
        finally:
            sys.settrace(None)
        return lines

    assert calls(400) < 4.5 * calls(100)
