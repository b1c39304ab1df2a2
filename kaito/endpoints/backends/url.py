"""Backend `url`: the OpenAI-compatible server that `--endpoint` names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kaito import hookimpl
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Rank, Reporter, Target

if TYPE_CHECKING:
    from kaito.hookspecs import Backend


class UrlBackend:
    """Offers the URL of `--endpoint`."""

    name = "url"
    needs_workspace = False
    takes_endpoint = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the URL, if one is given."""
        if target.endpoint is None:
            return []
        return [Candidate(backend=self.name, url=target.endpoint, rank=Rank.ENDPOINT, detail=target.workspace)]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the URL as an endpoint; with `--wait`, when its server answers.

        Raises:
            KaitoError: it does not answer in time.
        """
        parts = urlsplit(candidate.url)
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        # The query may contain a key: it is sent with each request and never shown.
        shown = parts._replace(path=path, query="").geturl()
        endpoint = Endpoint(
            url=parts._replace(path=path).geturl(),
            shown_url=f"{shown}/chat/completions",
            label=candidate.detail or parts.netloc,
        )
        if (timeout := self._settings.target.wait) is not None:
            from kaito.toolkit import wait_until_answering

            await wait_until_answering(endpoint, self._settings, timeout, reporter)
        yield endpoint


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `url`."""
    return [UrlBackend(settings)]
