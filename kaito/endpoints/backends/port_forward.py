"""Backend `port-forward`: to the pod, through the API server's port-forward WebSocket, inside this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.cluster.cluster_backend import ClusterBackend
from kaito.cluster.service_urls import service_url
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter, Target

if TYPE_CHECKING:
    from kaito.hookspecs import Backend

#: After the ways that need no tunnel.
_RANK = 30


class PortForwardBackend(ClusterBackend):
    """What `kubectl port-forward` does, without a local port, and found again when the pod is replaced."""

    name = "port-forward"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the pod that answers for the workspace.

        Raises:
            KaitoError: there is none, or the API server refuses or cannot be reached.
        """
        from kaito.cluster.services import find_pod

        cluster = await self.shared.client(reporter)
        serving = await self.shared.serving(reporter)
        pod = await find_pod(cluster, serving.namespace, serving.name)
        return [
            Candidate(
                backend=self.name,
                url=f"pod {serving.namespace}/{pod.name}, port {pod.port}",
                rank=_RANK,
                detail=(serving, pod),
            )
        ]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Dial the pod, and keep a tunnel dialled as long as the conversation lasts.

        Raises:
            KaitoError: the user may not, or the pod cannot be reached.
        """
        from kaito.cluster.portforward.pod_route import PodRoute

        serving, pod = candidate.detail
        cluster = await self.shared.client(reporter)
        settings = self.settings
        async with PodRoute(cluster, settings.target, serving, pod, reporter, settings.connect_timeout) as route:
            yield Endpoint(
                url=service_url(serving.name, serving.namespace),
                shown_url=serving.shown_url,
                label=serving.label,
                preset=serving.preset,
                connector=route.connector,
                tunnelled=True,
                via=lambda: route.description,
            )


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `port-forward`."""
    return [PortForwardBackend(settings)]
