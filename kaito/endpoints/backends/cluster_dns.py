"""Backend `cluster-dns`: the Service's DNS name, for pods of the cluster."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito import hookimpl
from kaito.cluster import ClusterBackend, in_pod
from kaito.errors import ClusterError, ConnectError, ForbiddenError, KaitoError
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Location, Rank, Reporter, Target, service_url, shown_url

if TYPE_CHECKING:
    from kaito.cluster import ServingWorkspace
    from kaito.hookspecs import Backend

#: Seconds for the API server's answer, which is not essential: the workspace's name alone determines the URL.
_LOOKUP_TIMEOUT = 2.0


class ClusterDnsBackend(ClusterBackend):
    """Connects to the Service directly."""

    name = "cluster-dns"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the Service's URL when kaito runs in a pod.

        Raises:
            KaitoError: the workspace is not ready, or DNS cannot resolve the Service's name.
        """
        if not in_pod(os.environ):
            if self.named:
                raise ConnectError(
                    shown_url(target.workspace, target.namespace),
                    "Service names can be resolved only inside the cluster, and kaito does not run in a pod",
                    "To try all backends: --backend auto",
                )
            return []
        from kaito.cluster import cluster_domain, resolution_error

        serving = await self._find_workspace(target, reporter)
        url = service_url(serving.name, serving.namespace, cluster_domain())
        if reason := await resolution_error(urlsplit(url).hostname or ""):
            raise ConnectError(serving.shown_url, reason)
        return [Candidate(backend=self.name, url=url, rank=Rank.IN_CLUSTER, shared=True, detail=serving)]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the Service's URL as an endpoint."""
        serving: ServingWorkspace = candidate.detail
        yield Endpoint(
            url=candidate.url,
            shown_url=serving.shown_url,
            label=serving.label,
            location=await self._location(serving, reporter),
            preset=serving.preset,
            # The environment's proxy is outside the cluster.
            proxied=False,
        )

    async def _location(self, serving: ServingWorkspace, reporter: Reporter) -> Location:
        """Return where the Service is; this cluster's DNS identifies it when no API server is configured."""
        try:
            return await self.location(serving.namespace, reporter)
        except KaitoError:
            return Location(namespace=serving.namespace, server="in-cluster")

    async def _find_workspace(self, target: Target, reporter: Reporter) -> ServingWorkspace:
        """Return the workspace; by its name alone when the API server cannot be asked.

        Raises:
            KaitoError: it does not exist or is not ready, or only the API server knows which replica is ready.
        """
        from kaito.cluster import ServingWorkspace, pod_namespace
        from kaito.toolkit import time_limit

        name = target.workspace if target.kind == "workspace" else None
        try:
            async with time_limit(_LOOKUP_TIMEOUT if target.wait is None else None):
                return await self.serving(reporter)
        except TimeoutError:
            if name is None:
                raise ClusterError("The API server does not respond: cannot look up which replica is ready") from None
            reason = f"the API server did not respond within {_LOOKUP_TIMEOUT:g} s"
        except (ClusterError, ConnectError, ForbiddenError) as exc:
            if name is None:
                raise
            reason = exc.details[0] if isinstance(exc, ConnectError) and exc.details else exc.message
        self.report_step(reporter, f"cannot check whether the workspace is ready: {reason}")
        namespace = target.namespace or pod_namespace() or "default"
        return ServingWorkspace(name=name, namespace=namespace, label=name, preset=None)


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `cluster-dns`."""
    return [ClusterDnsBackend(settings)]
