"""Backend `api-proxy`: the API server's proxy to the workspace's Service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.cluster import ClusterBackend
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Rank, Reporter, Target

if TYPE_CHECKING:
    from kaito.hookspecs import Backend


class ApiProxyBackend(ClusterBackend):
    """Sends requests to the API server, as `kubectl proxy` does, without a local port."""

    name = "api-proxy"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the URL of the Service's proxy.

        Raises:
            KaitoError: the workspace is not ready, it has no Service, or the API server cannot be reached.
        """
        from kaito.cluster import ServiceProxy

        cluster = await self.shared.client(reporter)
        serving = await self.serving(reporter)
        proxy = await ServiceProxy.find(cluster, serving.namespace, serving.name)
        return [Candidate(backend=self.name, url=str(proxy.url), rank=Rank.API_PROXY, detail=(serving, proxy))]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the proxy as an endpoint; its requests carry the cluster's credentials.

        Raises:
            KaitoError: the credentials cannot be read.
        """
        serving, proxy = candidate.detail
        self.report_step(reporter, "the API server flushes responses every 200 ms, so text arrives in bursts")
        if self.settings.api_key is not None:
            reporter.notice("The API key is not sent: the API server's proxy does not forward it")
        await proxy.prepare()
        yield Endpoint(
            url=candidate.url,
            shown_url=serving.shown_url,
            label=serving.label,
            location=await self.location(serving.namespace, reporter),
            preset=serving.preset,
            server_hostname=proxy.server_hostname,
            proxied=False,
            proxy=proxy.proxy,
            connector=proxy.connector,
            middlewares=(proxy.authorize,),
            explain=proxy.explain,
        )


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `api-proxy`."""
    return [ApiProxyBackend(settings)]
