"""Listens on the local port, and assigns each client connection to an upstream."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from aiohttp import web

from kaito.errors import KaitoError
from kaito.forward.browser_policy import BrowserPolicy
from kaito.forward.listener import Listener
from kaito.forward.origins import AllowedOrigin
from kaito.forward.proxy import ReverseProxy
from kaito.forward.upstreams import Upstream, Upstreams
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.types import Reporter
from kaito.util.tasks import cancel_and_wait

#: Malformed requests get an answer, and are not logged to the user's terminal.
_SILENT = logging.getLogger("kaito.forward")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

#: Seconds that requests in progress may take to finish when the server stops.
_SHUTDOWN_TIMEOUT = 0.5


async def serve(
    plugins: Plugins,
    settings: Settings,
    reporter: Reporter,
    *,
    address: str,
    port: int,
    origins: Sequence[AllowedOrigin],
    ready: Callable[[str, str, str], None],
) -> None:
    """Serve a local port until this is cancelled.

    Args:
        plugins: offer the backends.
        settings: the options of the run.
        reporter: receives progress and notices.
        address: the IP address to listen on.
        port: the port to listen on; 0 for any free one.
        origins: pages and apps whose requests are allowed, in addition to this machine's own pages.
        ready: called once the port listens, with its URL, the name of the target, and the backend's name.

    Raises:
        UsageError: the port cannot be opened.
        KaitoError: the workspace cannot be reached, or the port accepts no more connections.
    """
    async with Upstreams(plugins, settings, reporter) as upstreams:
        balancer = _ConnectionBalancer(upstreams)
        policy = BrowserPolicy(
            local_only=ip_address(address).is_loopback, allowed=origins, machine=socket.gethostname()
        )
        proxy = ReverseProxy(balancer.upstream_for, policy)
        server = web.Server(
            proxy.handle, handler_cancellation=True, access_log=None, logger=_SILENT, auto_decompress=False
        )
        with Listener(address, port) as listener:
            accepting = asyncio.create_task(listener.accept(server, reporter))
            running = asyncio.create_task(upstreams.run())
            try:
                target = settings.target
                name = f"{target.kind} {target.workspace}" if target.workspace else "the endpoint"
                ready(listener.url, name, upstreams.backend)
                await asyncio.wait([accepting, running], return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                # Accepting connections ends only by a failure.
                raise KaitoError(f"The port {listener.url} accepts no more connections", "Run the command again")
            finally:
                await cancel_and_wait(accepting, running)
                server.pre_shutdown()
                await server.shutdown(_SHUTDOWN_TIMEOUT)


class _ConnectionBalancer:
    """Assigns each client connection to one upstream, whose server caches the prefix of the conversation."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._assigned: dict[web.RequestHandler, Upstream] = {}

    def upstream_for(self, request: web.BaseRequest) -> Upstream:
        """Return the upstream of a request's connection; another one if that was closed.

        Raises:
            KaitoError: no upstream is open.
        """
        upstream = self._assigned.get(request.protocol)
        if upstream is None or not self._upstreams.is_open(upstream):
            self._assigned = {client: assigned for client, assigned in self._assigned.items() if client.connected}
            upstream = self._upstreams.least_busy(Counter(assigned.name for assigned in self._assigned.values()))
            self._assigned[request.protocol] = upstream
        return upstream
