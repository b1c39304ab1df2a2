"""Isolates the functions of an endpoint, which belong to a plugin and run long after it was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from msgspec.structs import replace

from kaito.plugin.discovery import Plugin
from kaito.plugin.isolation import Isolation
from kaito.types import Endpoint

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
T = TypeVar("T")


def isolated_endpoint(endpoint: Endpoint, plugin: Plugin) -> Endpoint:
    """Return the endpoint with functions whose failures name the plugin."""
    return replace(
        endpoint,
        connector=_isolated(endpoint.connector, plugin, "its connector"),
        explain=_isolated(endpoint.explain, plugin, "explaining an error"),
        via=_isolated(endpoint.via, plugin, "naming what answers"),
        middlewares=tuple(_isolated_middleware(one, plugin) for one in endpoint.middlewares),
    )


def _isolated(function: Callable[P, T] | None, plugin: Plugin, action: str) -> Callable[P, T] | None:
    if function is None:
        return None

    def isolated(*arguments: P.args, **keywords: P.kwargs) -> T:
        with Isolation(plugin, action):
            return function(*arguments, **keywords)

    return isolated


def _isolated_middleware(middleware: aiohttp.ClientMiddlewareType, plugin: Plugin) -> aiohttp.ClientMiddlewareType:
    import aiohttp

    # Errors that a middleware passes on or raises itself. The client decides whether the request is sent again.
    transport_errors = (aiohttp.ClientError, OSError, TimeoutError)

    async def isolated(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        passing: BaseException | None = None

        async def handle(request: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
            nonlocal passing
            try:
                return await handler(request)
            except BaseException as exc:
                passing = exc
                raise

        with Isolation(plugin, "its middleware"):
            try:
                return await middleware(request, handle)
            except transport_errors as exc:
                passing = exc
            except BaseException as exc:
                if exc is not passing:
                    raise
        assert passing is not None
        raise passing

    return isolated
