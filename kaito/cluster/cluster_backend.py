"""The base class of the backends that use the API server."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kaito.settings import Settings
from kaito.types import Location, Reporter

if TYPE_CHECKING:
    from kaito.cluster.cluster import Cluster
    from kaito.cluster.shared_client import SharedClient
    from kaito.cluster.workspaces.readiness import ServingWorkspace


class ClusterBackend:
    """The base of a backend that uses the API server.

    All backends of a run share one client and one lookup of the workspace; both exist while a backend is entered.

    Args:
        settings: from :func:`~kaito.hookspecs.kaito_backends`.
    """

    name: str
    needs_workspace = True
    takes_endpoint = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def shared(self) -> SharedClient:
        """The state that the backends share. Most need only :meth:`cluster` and :meth:`serving`."""
        # Every start imports the backends, and this import brings asyncio. It must not wait for `discover`, whose time
        # is measured.
        from kaito.cluster.shared_client import shared_client

        return shared_client(self.settings.target)

    async def __aenter__(self) -> Self:
        await self.shared.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shared.__aexit__(kind, value, trace)

    async def cluster(self, reporter: Reporter) -> Cluster:
        """Return the cluster, which reads any object with the user's credentials.

        Raises:
            KaitoError: no cluster is configured, or its configuration is not valid.
        """
        from kaito.cluster.cluster import Cluster

        return Cluster(await self.shared.client(reporter), reporter)

    async def serving(self, reporter: Reporter) -> ServingWorkspace:
        """Return the target's Workspace that answers requests; with `--wait`, wait until it does.

        Raises:
            KaitoError: why none does.
        """
        return await self.shared.serving(reporter)

    async def location(self, namespace: str, reporter: Reporter) -> Location:
        """Return the location of an endpoint in a namespace of the cluster, for :attr:`Endpoint.location`.

        Raises:
            KaitoError: no cluster is configured, or its configuration is not valid.
        """
        return (await self.shared.client(reporter)).config.location(namespace)

    @property
    def named(self) -> bool:
        """Whether the user chose this backend, so that the reason of its failure matters."""
        return self.settings.backend == self.name

    def report_step(self, reporter: Reporter, text: str) -> None:
        """Report a step if `--verbose` is set."""
        if self.settings.verbose:
            reporter.notice(f"{self.name}: {text}")
