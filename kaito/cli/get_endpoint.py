"""`kaito get-endpoint`: the URL by which another program reaches the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kaito.cli.args.parser import Parser
from kaito.cli.args.shared_flags import (
    add_cluster_flags,
    add_endpoint_flags,
    add_plugin_flags,
    add_shared_flags,
    settings_from,
)
from kaito.cli.invocation import Invocation
from kaito.console.sanitize import one_line
from kaito.endpoints.requested import choose_backends
from kaito.errors import ConnectError, ExitCode, KaitoError, NotFoundError, UsageError
from kaito.settings import Settings
from kaito.types import Candidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaito.cluster.api_client import ApiClient
    from kaito.cluster.workspaces.readiness import Serving
    from kaito.console.terminal import Terminal
    from kaito.hookspecs import Backend
    from kaito.plugin.manager import Offered, Plugins

_SUMMARY = (
    "Print the base URL, without /v1, by which another program reaches a workspace's model. Where nothing leads there "
    "from this machine it is the URL inside the cluster, and a warning says so."
)

_EXAMPLES = """
    # Which models does it serve?
    curl "$(kaito get-endpoint --workspace-name my-llama)/v1/models"

    # Only what can be reached from outside the cluster
    kaito get-endpoint --workspace-name my-llama --external

    # All ways to the model, for a program to read
    kaito get-endpoint --workspace-name my-llama -o json
"""


def run(call: Invocation) -> int:
    """Run `kaito get-endpoint`; return its exit code.

    Raises:
        KaitoError: there is none; nothing has been said of it yet.
        Interrupted: Ctrl-C.
    """
    terminal, plugins = call.terminal, call.plugins
    parser = make_parser(call)
    given = parser.parse(call.arguments)
    if given.help:
        terminal.write(parser.format_help())
        return ExitCode.OK
    given.output = _output(given.output, given.format)
    if given.workspace_name is None:
        raise UsageError("--workspace-name is required")
    settings = settings_from(given, call.environ)
    # Backends that lead to a place of their own lead to no workspace.
    backends = {
        name: offered
        for name, offered in choose_backends(plugins, settings).items()
        if getattr(offered.value, "needs_workspace", True)
    }
    # All is known to be sound: only now is anything contacted, or imported for it.
    from kaito.eventloop.thread import ThreadedLoop

    with ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop:
        ways = loop.run(_find(backends, plugins, settings, terminal))
    terminal.clear_status()
    best = ways.best(external=given.external)
    for warning in ways.warnings(best):
        terminal.notice(warning)
    if given.output == "json":
        terminal.write(json.dumps(ways.data(best, external=given.external), indent=2) + "\n")
    else:
        terminal.write(one_line(best) + "\n")
    return ExitCode.OK


_FORWARD = "To open a port on this machine that leads there: kubectl kaito forward --workspace-name NAME"


class EndpointList:
    """All that leads to one workspace's model.

    Args:
        candidates: what the backends found, the best first.
        failures: why others have none, by their names.
        service_url: the Service's base URL inside the cluster; `None` when it is not known.
    """

    def __init__(
        self, candidates: Sequence[Candidate], failures: Sequence[tuple[str, KaitoError]], service_url: str | None
    ) -> None:
        self._candidates = candidates
        self._failures = failures
        self._service_url = service_url

    def best(self, *, external: bool) -> str:
        """Return the base URL that another process uses best.

        Raises:
            NotFoundError: nothing leads in from outside, or nothing at all.
        """
        usable = [way for way in self._candidates if way.shared and (way.external or not external)]
        if usable:
            return _base(usable[0].url)
        if not external and self._service_url is not None:
            return self._service_url
        found = [
            f"{way.backend}: {way.url} leads there, but another program cannot use it as it is"
            for way in self._candidates
            if way.external
        ]
        missing = [f"{name}: {_told(exc)}" for name, exc in self._failures]
        raise NotFoundError(
            "No endpoint can be reached from outside the cluster",
            *found,
            *dict.fromkeys(missing),
            _FORWARD,
        )

    def warnings(self, best: str) -> list[str]:
        """Return what a user of the best URL has to know."""
        way = next((way for way in self._candidates if way.shared and _base(way.url) == best), None)
        if way is None:
            return [
                "Warning: this URL can be reached inside the cluster only",
                f"   {_FORWARD}",
            ]
        if way.external and best.startswith("http://"):
            return ["Warning: what is sent there is not encrypted"]
        if way.rank is None:
            return ["Warning: whether the model answers there is not known"]
        return []

    def data(self, best: str, *, external: bool) -> dict[str, Any]:
        """Return all of it, as JSON holds it."""
        return {
            "url": best,
            "service_url": self._service_url,
            "ways": [
                {
                    "backend": way.backend,
                    "url": _base(way.url),
                    "rank": way.rank,
                    "shared": way.shared,
                    "external": way.external,
                    "tls": way.url.startswith("https://"),
                }
                for way in self._candidates
                if way.external or not external
            ],
            "failures": [{"backend": name, "reason": _told(exc)} for name, exc in self._failures],
        }


async def _find(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, terminal: Terminal
) -> EndpointList:
    """Return all ways to the workspace that was named.

    Raises:
        KaitoError: it is not there or not ready; or the cluster cannot be asked, and no way is known without it.
    """
    from kaito.cluster.service_urls import service_url
    from kaito.cluster.shared_client import shared_client
    from kaito.endpoints.selection import discover_all

    serving: Serving | None = None
    async with shared_client(settings.target) as link:
        candidates, failures = await discover_all(backends, plugins, settings, terminal)
        try:
            serving = await link.serving(terminal)
        except NotFoundError:
            raise
        except KaitoError:
            # Inside the cluster the Service's name is known without asking.
            if not any(way.shared for way in candidates):
                raise
        if serving is not None and not any(way.shared for way in candidates):
            await _check_service(await link.cluster(terminal), serving, settings, failures)
    return EndpointList(
        candidates, failures, service_url(serving.name, serving.namespace) if serving is not None else None
    )


async def _check_service(
    cluster: ApiClient, serving: Serving, settings: Settings, failures: Sequence[tuple[str, KaitoError]]
) -> None:
    """See whether the Service's URL is worth telling.

    Raises:
        KaitoError: it is not: there is no such Service, nothing may be known of it, or another way was asked for.
    """
    from kaito.cluster.api_errors import PermissionMissing
    from kaito.cluster.services import get_service

    if settings.backend != "auto":
        told = f"--backend {settings.backend} leads to nothing that another program could use as it is"
        raise failures[0][1] if failures else NotFoundError(told, _FORWARD)
    try:
        await get_service(cluster, serving.namespace, serving.name)
    except PermissionMissing:
        # The Service's name follows from the workspace's, but here nothing is known of either.
        if not serving.known:
            raise


def _told(exc: KaitoError) -> str:
    """Return why a backend has no way; that it cannot connect goes without saying."""
    return "; ".join(exc.details) if isinstance(exc, ConnectError) and exc.details else exc.message


def _base(url: str) -> str:
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _output(output: str | None, format_: str | None) -> str:
    """Return `plain` or `json`, by either flag.

    Raises:
        UsageError: it is neither, or the flags contradict each other.
    """
    if output not in (None, "plain", "json"):
        raise UsageError(f"--output: '{output}' is not one of plain, json")
    if format_ not in (None, "url", "json"):
        raise UsageError(f"--format: '{format_}' is not one of url, json")
    by_format = {None: None, "url": "plain", "json": "json"}[format_]
    if output is not None and by_format is not None and output != by_format:
        raise UsageError(f"--format: '{format_}' contradicts --output '{output}'")
    return output or by_format or "plain"


def make_parser(call: Invocation) -> Parser:
    """Return the parser, with the flags of the plugins that take part, those that the command line names among them."""
    parser = Parser(call.command, _SUMMARY, _EXAMPLES)
    group = parser.add_argument_group("Flags for what is shown")
    group.add_argument(
        "--external", action="store_true", help="Take only what leads in from outside the cluster; fail if nothing does"
    )
    group.add_argument("-o", "--output", metavar="plain|json", help="How it is shown: the URL alone, or all ways")
    group.add_argument("--format", metavar="url|json", help="The same as --output")
    add_cluster_flags(parser, waits=True)
    add_endpoint_flags(parser, url=False)
    add_shared_flags(parser)
    call.load_plugins(parser)
    add_plugin_flags(parser, call.plugins, "get-endpoint")
    return parser
