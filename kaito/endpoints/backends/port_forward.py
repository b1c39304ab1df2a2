"""Backend `port-forward`: tunnels to the workspace's pod through the API server, inside this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.cluster import ClusterBackend
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Rank, Reporter, Target, service_url

if TYPE_CHECKING:
    from kaito.hookspecs import Backend


class PortForwardBackend(ClusterBackend):
    """Connects as `kubectl port-forward` does, without a local port, and reconnects when the pod is replaced."""

    name = "port-forward"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the workspace's pod.

        Raises:
            KaitoError: there is no ready pod, or the API server returned an error or cannot be reached.
        """
        from kaito.cluster import find_pod

        cluster = await self.shared.client(reporter)
        serving = await self.serving(reporter)
        pod = await find_pod(cluster, serving.namespace, serving.name)
        return [
            Candidate(
                backend=self.name,
                url=f"pod {serving.namespace}/{pod.name}, port {pod.port}",
                rank=Rank.PORT_FORWARD,
                detail=(serving, pod),
            )
        ]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Open a tunnel to the pod, and keep one open until the context is left.

        Raises:
            KaitoError: the user is not allowed to, or the pod cannot be reached.
        """
        from kaito.cluster import PodRoute

        serving, pod = candidate.detail
        cluster = await self.shared.client(reporter)
        settings = self.settings
        async with PodRoute(cluster, settings.target, serving, pod, reporter, settings.connect_timeout) as route:
            yield Endpoint(
                url=service_url(serving.name, serving.namespace),
                shown_url=serving.shown_url,
                label=serving.label,
                location=cluster.config.location(serving.namespace),
                preset=serving.preset,
                connector=route.connector,
                tunnelled=True,
                via=lambda: route.description,
            )


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `port-forward`."""
    return [PortForwardBackend(settings)]
