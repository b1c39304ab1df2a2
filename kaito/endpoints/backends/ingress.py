"""Backend `ingress`: an Ingress, an HTTPRoute or a LoadBalancer that leads to the Service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.cluster.cluster_backend import ClusterBackend
from kaito.errors import ConnectError, KaitoError
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Reporter, Target

if TYPE_CHECKING:
    from kaito.cluster.ingress.routes import Route
    from kaito.cluster.workspaces.readiness import ServingWorkspace
    from kaito.hookspecs import Backend

_RANK = 20


class IngressBackend(ClusterBackend):
    """The ways that a cluster opens to the outside."""

    name = "ingress"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the ways that the cluster's objects describe and by which something answers.

        One in clear text, or by which no model was seen to answer, is taken only by name.

        Raises:
            KaitoError: none can be used, and why.
        """
        import asyncio

        from kaito.cluster.ingress.route_discovery import discover_routes

        cluster = await self.link.cluster(reporter)
        serving = await self.link.serving(reporter)
        ways = await discover_routes(cluster, serving)
        tried = await asyncio.gather(*(self._try(route, serving, reporter) for route in ways.routes))
        candidates = [one for one in tried if isinstance(one, Candidate)]
        reasons = [*map(str, ways.unusable), *(one for one in tried if isinstance(one, str))]
        for reason in reasons:
            self.explain(reporter, reason)
        if candidates:
            return candidates
        if reasons:
            raise ConnectError(serving.shown_url, *dict.fromkeys(reasons), *(exc.message for exc in ways.refusals))
        if ways.refusals:
            raise ways.refusals[0]
        if self.named:
            told = f"No Ingress, HTTPRoute or LoadBalancer leads to Service '{serving.name}'"
            raise ConnectError(serving.shown_url, told, "Use another way in: --backend auto")
        return []

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the way; there is nothing to hold open."""
        yield candidate.detail

    async def _try(self, route: Route, serving: ServingWorkspace, reporter: Reporter) -> Candidate | str:
        """Return the way in by a route; when there is none, the reason."""
        from kaito.cluster.ingress.reachability import answers_as_model

        unknown = await self._unknown(route)
        reasons: list[str] = [unknown] if unknown else []
        for endpoint in _endpoints(route, serving, by_name=unknown is None):
            try:
                status = await answers_as_model(endpoint, self.settings)
            except KaitoError as exc:
                told = exc.details[0] if isinstance(exc, ConnectError) else exc.message
                where = f" at {', '.join(endpoint.addresses)}" if endpoint.addresses else ""
                reasons.append(f"{endpoint.url}{where}: {told}")
                continue
            if status is not None:
                self.explain(reporter, f"{endpoint.url} answers HTTP {status} where the list of models should be")
            return Candidate(
                backend=self.name,
                url=endpoint.url,
                rank=_RANK if route.secure and self._trusts(status) else None,
                shared=not endpoint.addresses and not endpoint.headers,
                external=True,
                detail=endpoint,
            )
        if not route.addresses:
            reasons.append("it has no address yet")
        return f"{route.source}: {'; '.join(reasons)}"

    async def _unknown(self, route: Route) -> str | None:
        """Return why DNS does not know a route's host; `None` when it does, or when it is not asked."""
        from yarl import URL

        from kaito.cluster.ingress.reachability import why_unresolved
        from kaito.net.proxies import proxy_for

        if route.host is None or proxy_for(URL(route.url(route.host))) is not None:
            return None
        return await why_unresolved(route.host)

    def _trusts(self, status: int | None) -> bool:
        """Return whether an answer looks like the model's: one that wants a key does if there is one to show."""
        return status is None or (status in (401, 403) and bool(self.settings.api_key or self.settings.headers))


def _endpoints(route: Route, serving: ServingWorkspace, *, by_name: bool) -> Iterator[Endpoint]:
    """Yield the ways to try, in this order: by its name; then by its addresses, whatever DNS says of the name."""

    def endpoint(host: str, addresses: tuple[str, ...] = ()) -> Endpoint:
        return Endpoint(
            url=route.url(host),
            shown_url=serving.shown_url,
            label=serving.label,
            preset=serving.preset,
            headers=route.headers,
            addresses=addresses,
        )

    if route.host is None:
        yield from map(endpoint, route.addresses)
        return
    if by_name:
        yield endpoint(route.host)
    if route.addresses:
        yield endpoint(route.host, route.addresses)


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `ingress`."""
    return [IngressBackend(settings)]
