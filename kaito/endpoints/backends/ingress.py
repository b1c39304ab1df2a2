"""Backend `ingress`: an Ingress, an HTTPRoute or a LoadBalancer in front of the workspace's Service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.cluster import ClusterBackend
from kaito.errors import ConnectError, KaitoError
from kaito.settings import Settings
from kaito.types import Candidate, Endpoint, Location, Rank, Reporter, Target

if TYPE_CHECKING:
    from kaito.cluster import Route, ServingWorkspace
    from kaito.hookspecs import Backend


class IngressBackend(ClusterBackend):
    """Connects through a route from outside the cluster."""

    name = "ingress"

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the routes at whose end a server responds.

        A route without TLS, or whose server does not list models, has no rank: it is used only when it is named.

        Raises:
            KaitoError: no route can be used.
        """
        import asyncio

        from kaito.cluster import discover_routes

        cluster = await self.shared.client(reporter)
        serving = await self.serving(reporter)
        routes = await discover_routes(cluster, serving)
        location = await self.location(serving.namespace, reporter)
        results = await asyncio.gather(*(self._probe(route, serving, location, reporter) for route in routes.usable))
        candidates = [one for one in results if isinstance(one, Candidate)]
        reasons = [*map(str, routes.unusable), *(one for one in results if isinstance(one, str))]
        for reason in reasons:
            self.report_step(reporter, reason)
        if candidates:
            return candidates
        if reasons:
            raise ConnectError(serving.shown_url, *dict.fromkeys(reasons), *(exc.message for exc in routes.errors))
        if routes.errors:
            raise routes.errors[0]
        if self.named:
            raise ConnectError(
                serving.shown_url,
                f"No Ingress, HTTPRoute or LoadBalancer routes to Service '{serving.name}'",
                "To try all backends: --backend auto",
            )
        return []

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the route's endpoint."""
        yield candidate.detail

    async def _probe(
        self, route: Route, serving: ServingWorkspace, location: Location, reporter: Reporter
    ) -> Candidate | str:
        """Return the candidate for a route; the reason when no server responds."""
        from kaito.cluster import probe_models

        dns_error = await self._dns_error(route)
        reasons: list[str] = [dns_error] if dns_error else []
        for endpoint in _endpoints(route, serving, location, resolvable=dns_error is None):
            try:
                status = await probe_models(endpoint, self.settings)
            except KaitoError as exc:
                detail = exc.details[0] if isinstance(exc, ConnectError) else exc.message
                at_addresses = f" at {', '.join(endpoint.addresses)}" if endpoint.addresses else ""
                reasons.append(f"{endpoint.url}{at_addresses}: {detail}")
                continue
            problem = "" if status is None else f"{endpoint.url}/v1/models is not a list of models (HTTP {status})"
            if problem:
                self.report_step(reporter, problem)
            return Candidate(
                backend=self.name,
                url=endpoint.url,
                rank=Rank.INGRESS if route.secure and self._is_model(status) else None,
                shared=not endpoint.addresses and not endpoint.headers,
                external=True,
                # A server that requires a key may be the model's.
                problem="" if status in (401, 403) else problem,
                detail=endpoint,
            )
        if not route.addresses:
            reasons.append("it has no address yet")
        return f"{route.source}: {'; '.join(reasons)}"

    async def _dns_error(self, route: Route) -> str | None:
        """Return why DNS cannot resolve a route's host; `None` when it can, or when a proxy resolves it."""
        from yarl import URL

        from kaito.cluster import resolution_error
        from kaito.toolkit import proxy_for

        if route.host is None or proxy_for(URL(route.url(route.host))) is not None:
            return None
        return await resolution_error(route.host)

    def _is_model(self, status: int | None) -> bool:
        """Return whether a probe's result suggests a model's server: a list, or a request for a key that we have."""
        return status is None or (status in (401, 403) and bool(self.settings.api_key or self.settings.headers))


def _endpoints(route: Route, serving: ServingWorkspace, location: Location, *, resolvable: bool) -> Iterator[Endpoint]:
    """Yield the endpoints to try: first by the host's name, then by the addresses in place of DNS."""

    def endpoint(host: str, addresses: tuple[str, ...] = ()) -> Endpoint:
        return Endpoint(
            url=route.url(host),
            shown_url=serving.shown_url,
            label=serving.label,
            location=location,
            preset=serving.preset,
            headers=route.headers,
            addresses=addresses,
        )

    if route.host is None:
        yield from map(endpoint, route.addresses)
        return
    if resolvable:
        yield endpoint(route.host)
    if route.addresses:
        yield endpoint(route.host, route.addresses)


@hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer `ingress`."""
    return [IngressBackend(settings)]
