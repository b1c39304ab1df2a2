"""The cluster as plugins get it: objects decoded into types, and applied by server-side apply."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
import pytest
from aiohttp import web

from kaito.cluster.cluster import Cluster
from kaito.errors import ClusterError, ConflictError, ForbiddenError, KaitoError, NotFoundError
from kaito.util import limits
from tests.cluster.api_server import PODS, api_server, pod

WORKSPACE: dict[str, Any] = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "a"}}
RESOURCES = {
    "resources": [
        {"name": "workspaces/status", "kind": "Workspace", "namespaced": True},
        {"name": "workspaces", "kind": "Workspace", "namespaced": True},
        {"name": "modelmirrors", "kind": "ModelMirror", "namespaced": False},
    ]
}


class Metadata(msgspec.Struct):
    name: str
    labels: dict[str, str] = {}


class Thing(msgspec.Struct):
    metadata: Metadata


def refused(code: int, message: str, *causes: dict[str, str], reason: str = "Invalid") -> web.Response:
    body = {"kind": "Status", "message": message, "reason": reason, "details": {"causes": causes}}
    return web.json_response(body, status=code)


def run(kubeconfig, reporter, handler, use, **user):
    """Return what `use` returns for a cluster whose API server is `handler`."""

    async def go():
        async with api_server(kubeconfig, reporter, handler, **user) as client:
            return await use(Cluster(client, reporter))

    return asyncio.run(go())


def apply(kubeconfig, reporter, answer, item=WORKSPACE, user=(), **options):
    """Apply an object; return the result, and the requests that changed something."""
    requests: list[web.Request] = []
    bodies: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response(RESOURCES)
        requests.append(request)
        bodies.append(await request.json())
        result: web.Response = answer(request)
        return result

    result = run(kubeconfig, reporter, handler, lambda cluster: cluster.apply(item, **options), **dict(user))
    return result, requests, bodies


def stored(request: web.Request) -> web.Response:
    return web.json_response({**WORKSPACE, "stored": True}, status=201)


def test_an_object_is_decoded_into_a_type(kubeconfig, reporter):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": "a", "labels": None, "uid": 5}})

    thing = run(kubeconfig, reporter, handler, lambda cluster: cluster.get(f"{PODS}/a", Thing))
    assert thing == Thing(Metadata("a"))
    plain = run(kubeconfig, reporter, handler, lambda cluster: cluster.get(f"{PODS}/a"))
    assert plain["metadata"]["uid"] == 5


def test_an_object_that_is_not_valid_is_an_error(kubeconfig, reporter):
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": 5}})

    with pytest.raises(KaitoError, match=r"is not valid: metadata\.name: expected str, got int"):
        run(kubeconfig, reporter, handler, lambda cluster: cluster.get(f"{PODS}/a", Thing))


def test_objects_of_a_list_that_are_not_valid_are_left_out(kubeconfig, reporter):
    async def handler(request: web.Request) -> web.Response:
        if "continue" in request.query:
            return web.json_response({"items": [pod("c")]})
        return web.json_response({"metadata": {"continue": "x"}, "items": [pod("a"), {"metadata": {}}, 5]})

    things = run(kubeconfig, reporter, handler, lambda cluster: cluster.list(PODS, Thing, labelSelector="x=y"))
    assert [thing.metadata.name for thing in things] == ["a", "c"]
    assert reporter.notices == [
        f"An object of {PODS} is left out, as it is not valid: metadata.name: it is missing",
        f"An object of {PODS} is left out, as it is not valid: expected object, got int",
    ]


def test_a_list_is_never_incomplete(kubeconfig, reporter, monkeypatch):
    """A list whose version expires between two pages is started again, and one without an end is an error."""
    expired = web.json_response({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}, status=410)
    answers = [
        web.json_response({"metadata": {"continue": "x"}, "items": [pod("a")]}),
        expired,
        web.json_response({"metadata": {"continue": "y"}, "items": [pod("b")]}),
        web.json_response({"items": [pod("c")]}),
    ]

    async def handler(request: web.Request) -> web.Response:
        return answers.pop(0)

    things = run(kubeconfig, reporter, handler, lambda cluster: cluster.list(PODS, Thing))
    assert [thing.metadata.name for thing in things] == ["b", "c"]

    async def endless(request: web.Request) -> web.Response:
        return web.json_response({"metadata": {"continue": "x"}, "items": [pod("a")]})

    monkeypatch.setattr(limits, "API_LIST_PAGES", 3)
    with pytest.raises(ClusterError, match="The API server's list of pods does not end: 3 objects so far"):
        run(kubeconfig, reporter, endless, lambda cluster: cluster.list(PODS, Thing))


def test_what_is_sent(kubeconfig, reporter):
    result, [request], [body] = apply(kubeconfig, reporter, stored)
    assert (result.created, result.object["stored"], body) == (True, True, WORKSPACE)
    assert request.method == "PATCH"
    assert request.path == "/apis/kaito.sh/v1beta1/namespaces/default/workspaces/a"
    assert request.headers.getall("Content-Type") == ["application/apply-patch+yaml"]
    assert dict(request.query) == {"fieldManager": "kaito", "force": "false", "fieldValidation": "Strict"}
    item = {**WORKSPACE, "metadata": {"name": "b", "namespace": "team"}}
    _, [request], _ = apply(kubeconfig, reporter, stored, item, manager="other", dry_run=True, force=True)
    assert request.path == "/apis/kaito.sh/v1beta1/namespaces/team/workspaces/b"
    assert request.query["fieldManager"] == "other"
    assert (request.query["dryRun"], request.query["force"]) == ("All", "true")


def test_an_object_without_a_namespace(kubeconfig, reporter):
    mirror = {"apiVersion": "kaito.sh/v1alpha1", "kind": "ModelMirror", "metadata": {"name": "a"}}
    _, [request], _ = apply(kubeconfig, reporter, stored, mirror)
    assert request.path == "/apis/kaito.sh/v1alpha1/modelmirrors/a"


def test_the_user_s_credentials_and_no_others(kubeconfig, reporter, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    user = {"token": "secret", "as": "jo", "as-groups": ["one", "two"]}
    _, [request], _ = apply(kubeconfig, reporter, stored, user=user)
    assert request.headers.getall("Authorization") == ["Bearer secret"]
    assert request.headers["Impersonate-User"] == "jo"
    assert request.headers.getall("Impersonate-Group") == ["one", "two"]
    assert request.headers["User-Agent"].startswith("kaito/")


def test_a_rejected_token_is_read_again(kubeconfig, reporter, tmp_path):
    (tmp_path / "token").write_text("old")

    def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] == "Bearer new":
            return stored(request)
        (tmp_path / "token").write_text("new")
        return web.json_response({"message": "Unauthorized"}, status=401)

    result, requests, _ = apply(kubeconfig, reporter, answer, user={"tokenFile": f"{tmp_path}/token"})
    assert (result.created, len(requests)) == (True, 2)


def test_a_busy_server_is_asked_again(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kaito.cluster.api_retry._BACKOFF", 0.001)
    answers = iter([429, 503])

    def answer(request: web.Request) -> web.Response:
        status = next(answers, 200)
        return web.json_response(WORKSPACE, status=status)

    result, requests, _ = apply(kubeconfig, reporter, answer)
    assert (result.created, len(requests), len(reporter.retries)) == (False, 3, 2)


def test_warnings_are_shown(kubeconfig, reporter):
    def answer(request: web.Request) -> web.Response:
        response = stored(request)
        response.headers.add("Warning", '299 - "count is \\"deprecated\\""')
        response.headers.add("Warning", "odd")
        return response

    apply(kubeconfig, reporter, answer)
    assert reporter.notices == ['Warning: count is "deprecated"', "Warning: odd"]


def cause(field: str, message: str) -> dict[str, str]:
    return {"reason": "x", "field": field, "message": message}


@pytest.mark.parametrize(
    ("response", "kind", "lines"),
    [
        (
            lambda: refused(
                409,
                "Apply failed with 2 conflicts",
                cause(".resource.count", 'conflict with "kubectl" using kaito.sh/v1beta1'),
                cause(".inference", "odd"),
                reason="Conflict",
            ),
            ConflictError,
            [
                "Someone else has set fields of Workspace 'a'",
                ".resource.count belongs to kubectl",
                ".inference belongs to another manager",
            ],
        ),
        (
            lambda: refused(409, "the object has been modified", reason="Conflict"),
            ConflictError,
            ["The API server refuses Workspace 'a': the object has been modified"],
        ),
        (
            lambda: refused(403, 'admission webhook "v.kaito.sh" denied the request: no\nsuch type', reason="Forbidden"),
            ForbiddenError,
            [
                "The API server refuses Workspace 'a'",
                'admission webhook "v.kaito.sh" denied the request: no',
                "such type",
                "A rule of this cluster forbids it; ask its administrator",
            ],
        ),
        (
            lambda: refused(
                403, 'User "jo" cannot patch resource "workspaces" in API group "kaito.sh" in the namespace "default"'
            ),
            ForbiddenError,
            [
                "User 'jo' may not patch workspaces.kaito.sh in namespace 'default'",
                "This requires a role with verb 'patch' on 'workspaces' in API group 'kaito.sh'",
                "To check: kubectl auth can-i patch workspaces.kaito.sh -n default",
            ],
        ),
        (
            lambda: refused(422, "x", cause("inference.preset", "Required value"), cause("", "and \x1b[31mthat")),
            KaitoError,
            [
                "The API server refuses Workspace 'a'",
                "inference.preset: Required value",
                "and that",
                "Correct what it names; 'kubectl explain' describes each field",
            ],
        ),
        (
            lambda: refused(400, 'admission webhook "x" denied the request: ' + "y" * 5000),
            KaitoError,
            [
                "The API server refuses Workspace 'a': admission webhook \"x\" denied the request: " + "y" * 1958,
                "Correct what it names; 'kubectl explain' describes each field",
            ],
        ),
        (
            lambda: refused(500, "failed to create typed patch object (x): .foo: field not declared in schema"),
            KaitoError,
            [
                "The API server refuses Workspace 'a': failed to create typed patch object (x): .foo: field not "
                "declared in schema",
                "This cluster's definition of the kind differs from the object",
            ],
        ),
        (lambda: web.Response(status=302, headers={"Location": "http://evil"}), ClusterError, None),
        (lambda: web.Response(status=422, text="<html>"), KaitoError, None),
        (lambda: web.json_response({"message": 5, "details": []}, status=422), KaitoError, None),
        (lambda: web.Response(text="not JSON"), KaitoError, None),
    ],
)  # fmt: skip
def test_refusals(kubeconfig, reporter, response, kind, lines):
    with pytest.raises(KaitoError) as caught:
        apply(kubeconfig, reporter, lambda request: response())
    assert isinstance(caught.value, kind)
    if lines is not None:
        shown = [caught.value.message, *caught.value.hints]
        assert [re.sub(r" --kubeconfig \S+$", "", line) for line in shown] == lines


def test_a_kind_that_is_not_served(kubeconfig, reporter):
    with pytest.raises(NotFoundError, match="has no kind Other in kaito"):
        apply(kubeconfig, reporter, stored, {**WORKSPACE, "kind": "Other"})

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found")

    with pytest.raises(NotFoundError, match="has no kind Workspace in kaito"):
        run(kubeconfig, reporter, handler, lambda cluster: cluster.apply(WORKSPACE))


@pytest.mark.parametrize(
    "item",
    [{}, {"apiVersion": "v1", "kind": "Pod"}, {**WORKSPACE, "metadata": {"name": ""}}, {**WORKSPACE, "kind": None}],
)
def test_an_object_without_a_name_is_a_mistake(kubeconfig, reporter, item):
    with pytest.raises(ValueError, match="an object needs apiVersion, kind and metadata"):
        apply(kubeconfig, reporter, stored, item)


@pytest.mark.parametrize("name", ["../b", "a/b", "a?x=y", "a%2fb", "..", "a b", "ä"])
def test_a_name_cannot_lead_elsewhere(kubeconfig, reporter, name):
    for metadata in ({"name": name}, {"name": "a", "namespace": name}):
        with pytest.raises(ValueError, match="cannot be part of a path"):
            apply(kubeconfig, reporter, stored, {**WORKSPACE, "metadata": metadata})


def test_the_package_opens_no_connection_of_its_own(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr("kubernetes.aio.client.rest.RESTClientObject._create_pool_manager", None)
    result, _, _ = apply(kubeconfig, reporter, stored)
    assert result.created
