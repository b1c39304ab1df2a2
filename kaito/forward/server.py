"""Listens on the local port, and assigns each client connection to an upstream."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from aiohttp import web

from kaito.errors import KaitoError, UsageError
from kaito.forward.proxy import ReverseProxy
from kaito.forward.upstreams import Upstream, Upstreams
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.types import Reporter

#: Malformed requests are answered, and not logged to the user's terminal.
_SILENT = logging.getLogger("kaito.forward")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

#: Seconds for requests in progress when the server stops.
_SHUTDOWN_TIMEOUT = 0.5


async def serve(
    plugins: Plugins,
    settings: Settings,
    reporter: Reporter,
    *,
    address: str,
    port: int,
    ready: Callable[[list[str], str, str], None],
) -> None:
    """Serve a local port until this is cancelled; 0 is any free port.

    When it listens, `ready` is called with its URLs, the name of what it forwards to, and the backend's name.

    Raises:
        UsageError: the port cannot be opened.
        KaitoError: the workspace cannot be reached.
    """
    async with Upstreams(plugins, settings, reporter) as upstreams:
        balancer = _ConnectionBalancer(upstreams)
        proxy = ReverseProxy(balancer.upstream_for, local_only=ip_address(address).is_loopback)
        server = web.Server(proxy.handle, handler_cancellation=True, access_log=None, logger=_SILENT)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await runner.setup()
        try:
            site = web.TCPSite(runner, address, port)
            try:
                await site.start()
            except OSError as exc:
                raise _listen_error(exc, address, port) from None
            urls = [f"http://{_bracketed(bound[0])}:{bound[1]}" for bound in runner.addresses]
            target = settings.target
            name = f"{target.kind} {target.workspace}" if target.workspace else "the endpoint"
            ready(urls, name, upstreams.backend)
            await upstreams.run()
        finally:
            await runner.cleanup()


class _ConnectionBalancer:
    """Keeps each client connection on one upstream, where the prefix of its conversation is cached."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._assigned: dict[web.RequestHandler, Upstream] = {}

    def upstream_for(self, request: web.BaseRequest) -> Upstream:
        """Return the upstream of a request's connection; a new one for a new connection, or when it was closed.

        Raises:
            KaitoError: no upstream is open.
        """
        upstream = self._assigned.get(request.protocol)
        if upstream is None or not self._upstreams.is_open(upstream):
            self._assigned = {client: assigned for client, assigned in self._assigned.items() if client.connected}
            upstream = self._upstreams.least_busy(Counter(assigned.name for assigned in self._assigned.values()))
            self._assigned[request.protocol] = upstream
        return upstream


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _listen_error(exc: OSError, address: str, port: int) -> KaitoError:
    if exc.errno == errno.EADDRINUSE:
        return UsageError(f"--port: {port} is in use on {address}", "Use another port, or 0 for any free one")
    if exc.errno in (errno.EACCES, errno.EPERM):
        return UsageError(f"--port: {port} requires more privileges", "Use a port from 1024 up")
    return UsageError(f"--address: cannot listen on {address}: {exc.strerror}")
