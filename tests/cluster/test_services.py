"""The pods of a Service and their ports, by EndpointSlices and by the Service's selector."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from kaito.cluster.services import PodAddress, find_pod
from kaito.errors import NotFoundError
from tests.cluster.api_server import api_server, status

CORE = "/api/v1/namespaces/default"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def pod(name: str, *, ready: bool = True, port_name: str = "http", number: int = 5001) -> dict[str, Any]:
    port = {"containerPort": number, "name": port_name}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"containers": [{"name": "c", "ports": [port]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def service(target: int | str | None = None) -> dict[str, Any]:
    ports = [{"port": 6379, "name": "ray"}, {"port": 80, "name": "http", "targetPort": target}]
    return {
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"ports": ports, "selector": {"a": "b", "c": "d"}},
    }


def endpoint(name: str, **conditions: Any) -> dict[str, Any]:
    return {"targetRef": {"kind": "Pod", "name": name, "uid": f"uid-{name}"}, "conditions": conditions}


def slice_of(*endpoints: dict[str, Any], port: int | None = 5000) -> dict[str, Any]:
    ports = [{"name": "ray", "port": 6379}, {"name": "http", "port": port}]
    return {"items": [{"metadata": {"name": "s"}, "ports": ports, "endpoints": list(endpoints)}]}


def found(kubeconfig: Any, reporter: Any, answers: dict[str, Any]) -> tuple[PodAddress, list[str]]:
    """Return the pod that is found with these answers, and the selectors that were asked for; others are forbidden."""
    selectors: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        selectors.append(request.query.get("labelSelector", ""))
        if request.path in answers:
            return web.json_response(answers[request.path])
        return status(403, "no", "Forbidden")

    async def run() -> PodAddress:
        async with api_server(kubeconfig, reporter, handler) as cluster:
            return await find_pod(cluster, "default", "w")

    return asyncio.run(run()), [one for one in selectors if one]


@pytest.fixture(autouse=True)
def forbidden_is_a_missing_permission(monkeypatch: pytest.MonkeyPatch):
    """Shorter than the API server's own sentence."""
    from kaito.cluster import api_errors

    error = api_errors.MissingPermissionError("x", "no")
    monkeypatch.setattr(api_errors, "_forbidden", lambda message, flags: error)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # The one that serves is preferred, and its pod is checked.
        (
            {
                SLICES: slice_of(endpoint("w-0", serving=False), endpoint("w-1"), endpoint("w-2", terminating=True)),
                f"{CORE}/services/w": service(),
                f"{CORE}/pods/w-1": pod("w-1"),
            },
            PodAddress(name="w-1", uid="uid-w-1", port=5000),
        ),
        # Without permission to read pods, the slices are trusted.
        (
            {SLICES: slice_of(endpoint("w-0")), f"{CORE}/services/w": service()},
            PodAddress(name="w-0", uid="uid-w-0", port=5000),
        ),
        # A Service that may not be read has KAITO's port.
        ({SLICES: slice_of(endpoint("w-0"))}, PodAddress(name="w-0", uid="uid-w-0", port=5000)),
        # Without slices, the Service selects the pod; ready ones come first.
        (
            {
                f"{CORE}/services/w": service("serving"),
                f"{CORE}/pods": {"items": [pod("a", ready=False), pod("b", port_name="serving", number=8000)]},
                f"{CORE}/pods/b": pod("b"),
            },
            PodAddress(name="b", uid="uid-b", port=8000),
        ),
        (
            {f"{CORE}/services/w": service(5002), f"{CORE}/pods": {"items": [pod("a")]}},
            PodAddress(name="a", uid="uid-a", port=5002),
        ),
        (
            {f"{CORE}/services/w": service("unknown"), f"{CORE}/pods": {"items": [pod("a")]}},
            PodAddress(name="a", uid="uid-a", port=5000),
        ),
        # With neither, it is the pod that KAITO creates first.
        ({f"{CORE}/services/w": service(5002)}, PodAddress(name="w-0", uid="", port=5000)),
        ({}, PodAddress(name="w-0", uid="", port=5000)),
        ({f"{CORE}/pods/w-0": pod("w-0")}, PodAddress(name="w-0", uid="uid-w-0", port=5000)),
    ],
)
def test_a_pod_is_found_with_the_permissions_there_are(
    kubeconfig: Any, reporter: Any, answers: dict[str, Any], expected: PodAddress
):
    address, selectors = found(kubeconfig, reporter, answers)
    assert address == expected
    assert set(selectors) <= {"kubernetes.io/service-name=w", "a=b,c=d"}


@pytest.mark.parametrize(
    "answers",
    [
        {SLICES: {"items": []}, f"{CORE}/services/w": service()},
        {SLICES: slice_of(endpoint("w-0"), port=None), f"{CORE}/services/w": service()},
        {
            SLICES: slice_of(endpoint("w-0")),
            f"{CORE}/services/w": service(),
            f"{CORE}/pods/w-0": pod("w-0", ready=False),
        },
        {f"{CORE}/services/w": service(), f"{CORE}/pods": {"items": []}},
    ],
)
def test_a_service_without_a_ready_pod(kubeconfig: Any, reporter: Any, answers: dict[str, Any]):
    with pytest.raises(NotFoundError, match="Service 'w' in namespace 'default' has no ready pod"):
        found(kubeconfig, reporter, answers)
