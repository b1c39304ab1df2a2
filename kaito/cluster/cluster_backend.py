"""The base class of the backends that use the API server."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kaito.settings import Settings
from kaito.types import Reporter

if TYPE_CHECKING:
    from kaito.cluster.shared_client import SharedClient


class ClusterBackend:
    """A backend that uses the API server. All backends of a run share one client; enter a backend to use it."""

    name: str
    needs_workspace = True
    takes_endpoint = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def shared(self) -> SharedClient:
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

    @property
    def named(self) -> bool:
        """Whether the user chose this backend, so that the reason of its failure matters."""
        return self.settings.backend == self.name

    def report_step(self, reporter: Reporter, text: str) -> None:
        """Report a step, with `--verbose`."""
        if self.settings.verbose:
            reporter.notice(f"{self.name}: {text}")
