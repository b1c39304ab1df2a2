"""What the backends have in common that lead through a cluster."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from kaito.settings import Settings
from kaito.types import Reporter

if TYPE_CHECKING:
    from kaito.cluster.shared_client import SharedClient


class ClusterBackend:
    """A backend that asks the API server. All of them share one connection to it.

    Args:
        settings: what the user asked for.

    Attributes:
        link: the connection, while the backend is entered.
    """

    name: str
    needs_workspace = True
    link: SharedClient

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __aenter__(self) -> Self:
        # Imported here, as every start imports the backends, and not in `discover`, whose time is measured.
        from kaito.cluster.shared_client import shared_client

        self.link = await shared_client(self.settings.target).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.link.__aexit__(kind, value, trace)

    @property
    def named(self) -> bool:
        """Whether the user chose this backend, so that the reason of its failure matters."""
        return self.settings.named_backend == self.name

    def explain(self, reporter: Reporter, text: str) -> None:
        """Tell those who want each step explained (`--verbose`)."""
        if self.settings.verbose:
            reporter.notice(f"{self.name}: {text}")
