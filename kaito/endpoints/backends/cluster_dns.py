"""Backend `cluster-dns`: the Service's name, which is known inside the cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito import hookimpl
from kaito.cluster.auth.service_account import in_pod
from kaito.cluster.cluster_backend import ClusterBackend
from kaito.cluster.service_urls import service_url, shown_url
from kaito.errors import ClusterError, ConnectError, ForbiddenError
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter, Target

if TYPE_CHECKING:
    from kaito.cluster.workspaces.readiness import ServingWorkspace
    from kaito.hookspecs import Backend

#: The shortest way of all.
_RANK = 10
#: Seconds that the API server is given to say more of the workspace: its name is enough to talk to it.
_PATIENCE = 2.0


class ClusterDnsBackend(ClusterBackend):
    """The way of a pod in the same cluster."""

    name = "cluster-dns"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the Service's URL, when this runs in a pod and its DNS knows the name.

        Raises:
            KaitoError: the workspace does not serve, or its Service's name is not known.
        """
        if not in_pod(os.environ):
            if self.named:
                shown = shown_url(target.workspace or "", target.namespace or "default")
                told = "A Service's name is known inside the cluster, and this does not run in one of its pods"
                raise ConnectError(shown, told, "Use another way in: --backend auto")
            return []
        from kaito.cluster.ingress.reachability import why_unresolved
        from kaito.cluster.ingress.resolv import cluster_domain

        serving = await self._serving(target, reporter)
        url = service_url(serving.name, serving.namespace, cluster_domain())
        if unknown := await why_unresolved(urlsplit(url).hostname or ""):
            raise ConnectError(serving.shown_url, unknown)
        return [Candidate(backend=self.name, url=url, rank=_RANK, shared=True, detail=serving)]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the Service's URL; there is nothing to hold open."""
        serving: ServingWorkspace = candidate.detail
        yield Endpoint(
            url=candidate.url,
            shown_url=serving.shown_url,
            label=serving.label,
            preset=serving.preset,
            # A proxy leads out of the cluster.
            proxied=False,
        )

    async def _serving(self, target: Target, reporter: Reporter) -> ServingWorkspace:
        """Return the workspace that is to answer, by its name alone if the API server cannot be asked.

        Raises:
            KaitoError: it is not there or not ready, or it takes the API server to know which one it is.
        """
        import asyncio

        from kaito.cluster.auth.cluster_config import pod_namespace
        from kaito.cluster.workspaces.readiness import ServingWorkspace

        try:
            async with asyncio.timeout(_PATIENCE if target.wait is None else None):
                return await self.link.serving(reporter)
        except TimeoutError:
            if target.kind != "workspace" or target.workspace is None:
                raise ClusterError("The API server does not answer, and knows alone which replica is ready") from None
            self.explain(reporter, f"the API server has not said within {_PATIENCE:g} s whether the workspace is ready")
        except (ClusterError, ConnectError, ForbiddenError) as exc:
            if target.kind != "workspace" or target.workspace is None:
                raise
            told = exc.details[0] if isinstance(exc, ConnectError) and exc.details else exc.message
            self.explain(reporter, f"the API server cannot be asked whether the workspace is ready: {told}")
        namespace = target.namespace or pod_namespace() or "default"
        return ServingWorkspace(name=target.workspace, namespace=namespace, label=target.workspace, preset=None)


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `cluster-dns`."""
    return [ClusterDnsBackend(settings)]
