"""Backend `url`: `--endpoint`, anything that speaks OpenAI's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito import hookimpl
from kaito.types import Candidate, Endpoint, Reporter, Target

if TYPE_CHECKING:
    from kaito.hookspecs import Backend


class UrlBackend:
    """The way that the user gives."""

    name = "url"
    needs_workspace = False

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the URL that was given, if one was."""
        if target.endpoint is None:
            return []
        return [Candidate(backend=self.name, url=target.endpoint, rank=0, detail=target.workspace)]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the URL; there is nothing to hold open."""
        parts = urlsplit(candidate.url)
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        # A query may hold a key: it is sent with each request, and not shown.
        base = parts._replace(path=path, query="").geturl()
        yield Endpoint(
            url=parts._replace(path=path).geturl(),
            shown_url=f"{base}/chat/completions",
            label=candidate.detail or parts.netloc,
        )


@hookimpl
def kaito_backends() -> Iterable[Backend]:
    """Offer `url`."""
    return [UrlBackend()]
