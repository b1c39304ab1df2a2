"""Objects, lists and events of an API server that does not follow its own schema."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.api_errors import Status, api_error, watch_error
from kaito.cluster.ingress.gateways import GatewayContext, parent_gateways, parse_http_route, routes_to
from kaito.cluster.ingress.ingresses import parse_ingress, parse_load_balancer
from kaito.cluster.ingress.route_kinds import Gateway, HttpRoute, Ingress, ReferenceGrant
from kaito.cluster.ingress.routes import Destination
from kaito.cluster.kinds import EndpointSlice, Event, KubernetesObject, Node, Pod, Service
from kaito.cluster.object_decoder import decode_event, decode_page
from kaito.cluster.workspaces.health import Backing
from kaito.cluster.workspaces.objects import (
    InferenceSetObject,
    WorkspaceObject,
    parse_inference_set,
    parse_workspace,
)
from kaito.cluster.workspaces.overview import build_overviews
from kaito.errors import KaitoError
from kaito.util.decoding import DecodeError, decode_json
from tests.mutations import mutated_json

METADATA = {
    "name": "my-llama",
    "namespace": "ns",
    "uid": "u",
    "resourceVersion": "7",
    "labels": {"inferenceset.kaito.sh/created-by": "s", "kaito.sh/workspace": "my-llama"},
    "annotations": {"kaito.sh/runtime": "vllm"},
}
CONDITION = {"type": "Ready", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": "t"}
METRIC = {"value": "1", "unit": "u", "description": "d", "config": {"a": "b"}}
STATE = {"waiting": {"reason": "CrashLoopBackOff", "message": "m"}, "terminated": {"exitCode": 1, "reason": "Error"}}
CONTAINER = {"name": "c", "ready": False, "restartCount": 3, "state": STATE, "lastState": STATE}
INGRESS_BACKEND = {"service": {"name": "my-llama", "port": {"number": 80, "name": "http"}}}
BALANCER = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "hostname": "h", "ports": [{"port": 443}]}]}}
PARENT = {"name": "gw", "namespace": "ns", "sectionName": "web", "port": 80}
BACKEND = {"group": "", "kind": "Service", "name": "my-llama", "namespace": "ns", "port": 80, "weight": 1}
LABELS = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}

#: A valid object of each kind, with every field that is read.
OBJECTS: dict[type[KubernetesObject], dict[str, Any]] = {
    WorkspaceObject: {
        "metadata": METADATA,
        "resource": {"count": 1, "instanceType": "x"},
        "inference": {"preset": {"name": "phi"}, "adapters": [{"source": {"name": "a"}}]},
        "status": {
            "state": "Ready",
            "targetNodeCount": 1,
            "workerNodes": ["n"],
            "conditions": [CONDITION],
            "performance": {"metrics": {"m": METRIC}},
        },
    },
    InferenceSetObject: {
        "metadata": METADATA,
        "spec": {"replicas": 1, "template": {"inference": {"preset": {"name": "phi"}}}},
        "status": {"readyReplicas": 1, "conditions": [CONDITION], "performance": {"metrics": {"m": METRIC}}},
    },
    Pod: {
        "metadata": METADATA,
        "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 5000, "name": "http"}]}]},
        "status": {
            "phase": "Running",
            "conditions": [CONDITION],
            "initContainerStatuses": [CONTAINER],
            "containerStatuses": [CONTAINER],
        },
    },
    Service: {
        "metadata": METADATA,
        "spec": {
            "type": "LoadBalancer",
            "ports": [{"port": 80, "name": "http", "targetPort": 5000, "appProtocol": "https"}],
            "selector": {"a": "b"},
        },
        "status": BALANCER,
    },
    EndpointSlice: {
        "metadata": METADATA,
        "ports": [{"name": "http", "port": 5000}],
        "endpoints": [{"targetRef": {"kind": "Pod", "name": "p", "uid": "u"}, "conditions": {"serving": True}}],
    },
    Node: {"metadata": METADATA, "status": {"conditions": [CONDITION]}},
    Event: {"metadata": METADATA, "type": "Warning", "reason": "r", "message": "m", "lastTimestamp": "t"},
    Ingress: {
        "metadata": METADATA,
        "spec": {
            "rules": [
                {"host": "h", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": INGRESS_BACKEND}]}}
            ],
            "tls": [{"hosts": ["h"]}],
            "defaultBackend": INGRESS_BACKEND,
        },
        "status": BALANCER,
    },
    HttpRoute: {
        "metadata": METADATA,
        "spec": {
            "parentRefs": [PARENT],
            "hostnames": ["h"],
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": "/"}, "headers": [{"name": "a", "value": "b"}]}],
                    "filters": [{"type": "RequestRedirect"}],
                    "backendRefs": [BACKEND],
                }
            ],
        },
        "status": {"parents": [{"parentRef": PARENT, "conditions": [CONDITION]}]},
    },
    Gateway: {
        "metadata": METADATA,
        "spec": {
            "listeners": [
                {
                    "name": "web",
                    "port": 80,
                    "protocol": "HTTP",
                    "hostname": "h",
                    "allowedRoutes": {"namespaces": {"from": "Selector", "selector": LABELS}, "kinds": [{"kind": "x"}]},
                }
            ]
        },
        "status": {"addresses": [{"value": "192.0.2.1"}]},
    },
    ReferenceGrant: {
        "metadata": METADATA,
        "spec": {
            "from": [{"group": "g", "kind": "HTTPRoute", "namespace": "ns"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    },
}
DESTINATION = Destination(service="my-llama", namespace="ns", port=80, port_name="http")
STATUS = {"kind": "Status", "message": "m", "reason": "r", "code": 410, "details": {"kind": "pods", "name": "x"}}


def use(item: Any) -> None:
    """Do with an object what the product does with it."""
    match item:
        case WorkspaceObject():
            workspace = parse_workspace(item)
            assert isinstance(workspace.reasons, tuple)
            build_overviews([item], [], Backing(pods=[], services=[]))
        case InferenceSetObject():
            assert isinstance(parse_inference_set(item).reasons, tuple)
        case Pod():
            Backing(pods=[item]).problem(item.namespace, "my-llama")
        case Service():
            parse_load_balancer(item, DESTINATION)
        case Ingress():
            parse_ingress(item, DESTINATION)
        case HttpRoute():
            gateway = decode_json(json.dumps(OBJECTS[Gateway]), Gateway)
            keys = {key for key, _ in parent_gateways(item)}
            routes_to(item, DESTINATION)
            parse_http_route(item, GatewayContext(gateways=dict.fromkeys(keys, gateway)), DESTINATION)
        case Gateway():
            route = decode_json(json.dumps(OBJECTS[HttpRoute]), HttpRoute)
            parse_http_route(route, GatewayContext(gateways={("ns", "gw"): item}), DESTINATION)


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_valid_object_is_decoded(kind: type[KubernetesObject]):
    item = decode_json(json.dumps(OBJECTS[kind]), kind)
    assert item.key == "ns/my-llama"
    use(item)


@given(st.data())
@pytest.mark.parametrize("kind", OBJECTS)
def test_a_mutated_object_is_decoded_or_refused(kind: type[KubernetesObject], data: st.DataObject):
    text = data.draw(mutated_json(OBJECTS[kind]))
    with suppress(DecodeError):
        use(decode_json(text, kind))


@given(st.data())
def test_a_mutated_page_is_decoded_or_refused(data: st.DataObject):
    items = [OBJECTS[WorkspaceObject], OBJECTS[WorkspaceObject]]
    text = data.draw(mutated_json({"metadata": {"resourceVersion": "7", "continue": "x"}, "items": items}))
    with suppress(DecodeError):
        page = decode_page(text, WorkspaceObject)
        for item in page.items:
            use(item)
        assert all("\n" not in str(one) for one in page.malformed)


@given(st.data())
def test_a_mutated_event_is_decoded_or_refused(data: st.DataObject):
    event = {"type": "MODIFIED", "object": OBJECTS[Pod]}
    error = {"type": "ERROR", "object": STATUS}
    text = data.draw(mutated_json(event, error, {"type": "BOOKMARK", "object": {"metadata": METADATA}}))
    with suppress(DecodeError):
        decoded = decode_event(text, Pod)
        if decoded.type == "ERROR":
            assert isinstance(watch_error(decoded.status), KaitoError)
        elif decoded.type != "BOOKMARK":
            assert (decoded.item is None) != (decoded.malformed is None)


@given(mutated_json(STATUS), st.integers(100, 999))
def test_a_mutated_error_is_an_error(body: bytes, code: int):
    Status.parse(body)
    assert isinstance(api_error(code, {"Retry-After": "x"}, body), KaitoError)


@pytest.mark.parametrize(
    ("item", "remark"),
    [
        ({"status": {"conditions": "x"}}, "status.conditions: expected array, got str"),
        ({"status": {"conditions": ["x"]}}, "status.conditions[0]: expected object, got str"),
        ({"inference": {"adapters": "x"}}, "inference.adapters: expected array, got str"),
        ({"resource": {"count": "two"}}, "resource.count: expected int | null, got str"),
        ({"resource": {"count": 2**40}}, "resource.count: expected int <= 2147483647"),
    ],
)
def test_an_object_that_is_not_valid_is_named(item: dict[str, Any], remark: str):
    page = json.dumps({"items": [{**OBJECTS[WorkspaceObject], **item}, OBJECTS[WorkspaceObject]]})
    decoded = decode_page(page.encode(), WorkspaceObject)
    assert [one.name for one in decoded.items] == ["my-llama"]
    [malformed] = decoded.malformed
    assert str(malformed) == f"Workspace 'my-llama' in namespace 'ns' is left out, as it is not valid: {remark}"


@pytest.mark.parametrize(
    "metadata", [None, [], "x", {"name": 5}, {"name": ""}, {"name": None}, {"name": "x" * 7_000_000}]
)
def test_an_object_without_a_valid_name(metadata: Any):
    [malformed] = decode_page(json.dumps({"items": [{"metadata": metadata}]}).encode(), Pod).malformed
    assert str(malformed).startswith("A Pod without a valid name is left out, as it is not valid: metadata")
    assert len(str(malformed)) < 200


def test_null_elements_of_a_list_are_absent():
    assert decode_page(b'{"metadata": null, "items": null}', Pod).items == []
    page = json.dumps({"items": [None, {**OBJECTS[Pod], "status": {"conditions": [None], "phase": None}}]})
    decoded = decode_page(page.encode(), Pod)
    assert [item.status.conditions for item in decoded.items] == [()]


@pytest.mark.parametrize("code", ["abc", None, -5, 10**30, [], 200, 302])
def test_an_error_event_with_any_code(code: Any):
    event = decode_event(json.dumps({"type": "ERROR", "object": {**STATUS, "code": code}}).encode(), Pod)
    assert watch_error(event.status).exit_code in (1, 3, 4, 5)


@pytest.mark.parametrize(
    "element",
    [
        b"0",
        b"{}",
        b"null",
        b'"x"',
        b'{"metadata":0}',
        b'{"metadata":{"name":"a"}}',
        b'{"metadata":{"name":5}}',
        b"[[[[]]]]",
    ],
)
def test_a_page_full_of_rubbish_costs_little(element: bytes):
    """The work ends with the limits, whatever the elements are; memory stays near the size of the page."""
    page = b'{"items":[' + b",".join([element] * 120_000) + b"]}"
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match=r"most of its objects are not valid|it has too many (objects|values)"):
            decode_page(page, Pod)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_many_malformed_objects_are_counted():
    valid = json.dumps(OBJECTS[Pod])
    page = decode_page(f'{{"items": [{valid}, {", ".join(["{}"] * 30)}, {valid}]}}'.encode(), Pod)
    assert len(page.items) == 2
    assert (len(page.malformed), page.unnamed) == (20, 10)
