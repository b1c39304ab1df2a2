"""The local port: who listens there, and which way each client's connection goes."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import ip_address

from aiohttp import web

from kaito.errors import KaitoError, UsageError
from kaito.forward.proxy import Relay
from kaito.forward.upstreams import Upstream, Upstreams
from kaito.hookspecs import Backend
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import Reporter

#: What a client does wrong is answered, not shown to whoever runs this.
_SILENT = logging.getLogger("kaito.forward")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

#: Seconds that requests in flight are given at the end.
_FAREWELL = 0.5


async def serve(
    backends: Callable[[Settings], Mapping[str, Offered[Backend]]],
    plugins: Plugins,
    settings: Settings,
    reporter: Reporter,
    *,
    address: str,
    port: int,
    ready: Callable[[list[str], str, str], None],
) -> None:
    """Serve a local port until this is cancelled.

    Args:
        backends: returns the backends to ask for a target.
        plugins: isolates them.
        settings: what the user asked for.
        reporter: is told what happens, a line each.
        address: to listen on.
        port: to listen on; 0 for any that is free.
        ready: called once it listens, with the URLs, what they lead to, and the backend's name.

    Raises:
        UsageError: the port is not to be had.
        KaitoError: there is no way to the workspace.
    """
    async with Upstreams(backends, plugins, settings, reporter) as ways:
        connections = _Connections(ways)
        relay = Relay(connections.way_of, local_only=ip_address(address).is_loopback)
        connections.server = web.Server(relay.handle, handler_cancellation=True, access_log=None, logger=_SILENT)
        runner = web.ServerRunner(connections.server, shutdown_timeout=_FAREWELL)
        await runner.setup()
        try:
            site = web.TCPSite(runner, address, port)
            try:
                await site.start()
            except OSError as exc:
                raise _no_port(exc, address, port) from None
            urls = [f"http://{_quoted(bound[0])}:{bound[1]}" for bound in runner.addresses]
            target = settings.target
            ready(urls, f"{target.kind} {target.workspace}" if target.workspace else "the endpoint", ways.backend)
            await ways.lasting()
        finally:
            await runner.cleanup()


class _Connections:
    """Leads each client's connection one way: a conversation's prefix is then found in that replica's cache."""

    def __init__(self, ways: Upstreams) -> None:
        self._ways = ways
        self._led: dict[web.RequestHandler, Upstream] = {}
        self.server: web.Server

    def way_of(self, request: web.BaseRequest) -> Upstream:
        """Return the way of a request's connection; a new one for a new connection, or when the old one has gone.

        Raises:
            KaitoError: there is none.
        """
        way = self._led.get(request.protocol)
        if way is None or not self._ways.is_open(way):
            alive = set(self.server.connections)
            self._led = {connection: led for connection, led in self._led.items() if connection in alive}
            way = self._ways.least_busy(Counter(led.name for led in self._led.values()))
            self._led[request.protocol] = way
        return way


def _quoted(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _no_port(exc: OSError, address: str, port: int) -> KaitoError:
    if exc.errno == errno.EADDRINUSE:
        return UsageError(f"--port: {port} is in use on {address}", "Choose another, or 0 for any that is free")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return UsageError(f"--port: {port} is not yours to open", "Choose one from 1024 on")
    return UsageError(f"--address: cannot listen on {address}: {exc.strerror}")
