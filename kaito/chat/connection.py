"""Connects a chat: opens the best endpoint, its client, and lists the server's models."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct

from kaito.chat.conversation_origin import origin_of
from kaito.endpoints.selection import open_endpoint
from kaito.hookspecs import Backend
from kaito.openai.client import ChatClient
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Endpoint, ModelInfo, Reporter, Target, Waiting
from kaito.types.conversations import Origin


class Connection(Struct, frozen=True, kw_only=True):
    """An open endpoint with its client."""

    #: The name of the backend that opened the endpoint.
    backend: str
    endpoint: Endpoint
    client: ChatClient
    #: The models that the server lists; empty when it has no list.
    models: tuple[ModelInfo, ...]

    def requested_model(self, settings: Settings) -> str | None:
        """Return the model to request; `None` leaves the choice to the server."""
        listed = self.models[0].name if self.models else None
        return self.endpoint.model or settings.target.model or listed

    def log_command(self, target: Target) -> str:
        """Return the command that shows the server's log; `""` if the server is not the pod of a Workspace."""
        namespace = self.endpoint.location.namespace
        if target.workspace is None or target.kind != "workspace" or target.endpoint is not None or not namespace:
            return ""
        return f"kubectl logs {target.workspace}-0 -n {namespace}{target.cluster_flags}"

    def origin(self, target: Target, model: str) -> Origin:
        """Return the origin that is kept with conversations over this connection.

        Args:
            target: what the user asked for.
            model: the model's name as the banner shows it.
        """
        return origin_of(self.endpoint, target, self.backend, model)


@asynccontextmanager
async def open_connection(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, reporter: Reporter
) -> AsyncIterator[Connection]:
    """Find an endpoint, open it, and ask it for its models.

    Raises:
        KaitoError: no endpoint can be used.
    """
    started: float | None = None

    def report(wait: Waiting) -> None:
        reporter.retrying(wait.reason, wait.delay)

    @asynccontextmanager
    async def use(offered: Offered[Backend], endpoint: Endpoint) -> AsyncIterator[Connection]:
        nonlocal started
        async with AsyncExitStack() as stack:
            with plugins.isolated(offered.plugin, "the endpoint that it opened"):
                client = await stack.enter_async_context(ChatClient(endpoint, settings))
            reporter.status(f"connecting to {endpoint.label}")
            # The time limit for refused connections covers all endpoints that are tried.
            started = time.monotonic() if started is None else started
            models = tuple(await client.models(report, since=started))
            yield Connection(backend=offered.value.name, endpoint=endpoint, client=client, models=models)

    async with open_endpoint(backends, plugins, settings, reporter, use) as connection:
        yield connection
