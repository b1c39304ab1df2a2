"""{{ cookiecutter.description }}: the backend `{{ cookiecutter.name }}`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from kaito import Backend, Candidate, Endpoint, OptionGroup, Reporter, Settings, Target, hookimpl

__version__ = "0.1.0"


class {{ cookiecutter.__class }}(Backend):
    """The server of `--{{ cookiecutter.name }}-url`."""

    name = "{{ cookiecutter.name }}"
    # It has one endpoint, whatever `--workspace-name` is.
    needs_workspace = False

    def __init__(self, settings: Settings) -> None:
        self._url: str = settings.option("{{ cookiecutter.__option }}")

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the endpoints for a target: none if there is nothing to offer."""
        # Without a rank, it is used only with `--backend {{ cookiecutter.name }}`. See kaito.Rank.
        return [Candidate(backend=self.name, url=self._url)]

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the endpoint. Open here what must last as long as the chat, and close it after the `yield`."""
        yield Endpoint(url=candidate.url, shown_url=f"{candidate.base}/chat/completions", label=self.name)


@hookimpl
def kaito_add_options(options: OptionGroup) -> None:
    """Add `--{{ cookiecutter.name }}-url`."""
    options.add("--{{ cookiecutter.name }}-url", metavar="URL", default="http://localhost:8080", help="The server")


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Return the backend `{{ cookiecutter.name }}`."""
    return [{{ cookiecutter.__class }}(settings)]
