"""A fake API server, for behaviour that a real one cannot be made to show."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from yarl import URL

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import ClusterConfig
from kaito.cluster.auth.credentials import Credentials, CredentialSource
from kaito.testing import RecordingReporter

INFERENCE_SETS = "/apis/kaito.sh/v1beta1/namespaces/default/inferencesets"
WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"


class Anonymous(CredentialSource):
    """No credentials."""

    async def get(self, rejected=None):
        return Credentials()


def error_response(code, reason, message=""):
    """Return an error of the API server."""
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": message}, status=code)


def workspace(name="w", state="Ready", *, conditions=(), **parts):
    """Return a Workspace."""
    metadata = {"name": name, "namespace": "default", "resourceVersion": "1", **parts.pop("metadata", {})}
    parts.setdefault("inference", {"preset": {"name": "phi-4"}})
    return {"metadata": metadata, "status": {"state": state, "conditions": list(conditions)}, **parts}


class FakeApiServer:
    """Serves lists of objects, their items and watches; other paths are not served.

    Attributes:
        objects: lists by their paths.
        answers: responses that take precedence, by their paths: an object, or a function of the request.
        asked: the number of requests for each path; `watch PATH` for a watch.
    """

    def __init__(self, objects=None, answers=None):
        self.objects = {WORKSPACES: [], **(objects or {})}
        self.answers = answers or {}
        self.asked = Counter()
        self._watches = {}

    def send(self, path, kind, item):
        """Send an event to the watches of a path."""
        for queue in self._watches.get(path, ()):
            queue.put_nowait({"type": kind, "object": item})

    def end_watches(self):
        """End all watches regularly."""
        for queues in self._watches.values():
            for queue in queues:
                queue.put_nowait(None)

    async def watched(self, path):
        """Wait until a path is watched."""
        async with asyncio.timeout(60):
            while not self._watches.get(path):
                await asyncio.sleep(0.005)

    async def answer(self, request):
        """Return the response to a request."""
        path = request.path
        self.asked[f"watch {path}" if "watch" in request.query else path] += 1
        if path in self.answers:
            found = self.answers[path]
            answer = found(request) if callable(found) else web.json_response(found)
            return await answer if inspect.isawaitable(answer) else answer
        if path in self.objects:
            if "watch" in request.query:
                return await self._watch(request)
            items = self.objects[path]
            if (selector := request.query.get("fieldSelector", "")).startswith("metadata.name="):
                items = [item for item in items if item["metadata"]["name"] == selector.partition("=")[2]]
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        parent, _, name = path.rpartition("/")
        if parent in self.objects:
            found = next((item for item in self.objects[parent] if item["metadata"]["name"] == name), None)
            return error_response(404, "NotFound") if found is None else web.json_response(found)
        return web.Response(status=404, text="404 page not found\n")

    async def _watch(self, request):
        response = web.StreamResponse()
        await response.prepare(request)
        queue = asyncio.Queue()
        self._watches.setdefault(request.path, []).append(queue)
        try:
            while (event := await queue.get()) is not None:
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self._watches[request.path].remove(queue)
        return response


@asynccontextmanager
async def connected(server: FakeApiServer) -> AsyncIterator[ApiClient]:
    """Yield a client that is connected to the server."""
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    access = ClusterConfig(
        server=URL(f"http://127.0.0.1:{runner.addresses[0][1]}"),
        namespace="default",
        credentials=Anonymous(),
        proxy=None,
        server_name=None,
        context=None,
    )
    try:
        async with ApiClient(access, RecordingReporter(), request_timeout=60) as cluster:
            yield cluster
    finally:
        server.end_watches()
        await runner.cleanup()
