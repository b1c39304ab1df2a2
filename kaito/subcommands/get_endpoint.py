"""`kaito get-endpoint`: prints the URL of a workspace's model for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kaito import hookimpl
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.args.shared_flags import add_cluster_flags, add_endpoint_flags
from kaito.cli.command_context import CommandContext
from kaito.endpoints.backend_choice import choose_backends, needs_workspace
from kaito.errors import ConnectError, KaitoError, NotFoundError, UsageError, WorkspaceMissingError
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.settings import Settings
from kaito.types import Candidate, Command, Target
from kaito.util.program import program_name
from kaito.util.sanitize import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaito.cluster.api_client import ApiClient
    from kaito.cluster.workspaces.readiness import ServingWorkspace
    from kaito.console.terminal import Terminal
    from kaito.hookspecs import Backend
    from kaito.plugin.manager import Offered, Plugins

_DESCRIPTION = (
    "Print the base URL of a workspace's model, without /v1, for other programs. If none can be reached from this "
    "machine, print the URL inside the cluster and a warning."
)

_EXAMPLES = """
    # List the models of a workspace
    curl "$(kaito get-endpoint --workspace-name my-llama)/v1/models"

    # Consider only endpoints outside the cluster
    kaito get-endpoint --workspace-name my-llama --external

    # Write all endpoints as JSON
    kaito get-endpoint --workspace-name my-llama -o json
"""


def _run(context: CommandContext) -> None:
    terminal, plugins, given = context.invocation.terminal, context.invocation.plugins, context.given
    output = _output(given.output, given.format)
    if given.workspace_name is None:
        raise WorkspaceMissingError("--workspace-name is required")
    settings = context.settings
    backends = {
        name: offered for name, offered in choose_backends(plugins, settings).items() if needs_workspace(offered.value)
    }
    # All arguments are valid. Only now are aiohttp and asyncio imported.
    from kaito.eventloop.thread import ThreadedLoop

    with ThreadedLoop(terminal.tick if terminal.shows_status else None) as loop:
        endpoints = loop.run(_list_endpoints(backends, plugins, settings, terminal))
    terminal.clear_status()
    best = endpoints.best(external=given.external)
    for warning in endpoints.warnings(best):
        terminal.notice(warning)
    if output == "json":
        terminal.write(json.dumps(endpoints.as_data(best, external=given.external), indent=2) + "\n")
    else:
        terminal.write(one_line(best) + "\n")


def _forward_hint(target: Target) -> str:
    return f"To open a local port: {program_name()} forward {target.flags}"


class EndpointList:
    """All endpoints of a workspace's model.

    Args:
        target: what the user asked for.
        service_url: the Service's base URL inside the cluster; `None` when it is not known.
    """

    def __init__(
        self,
        target: Target,
        candidates: Sequence[Candidate],
        errors: Sequence[tuple[str, KaitoError]],
        service_url: str | None,
    ) -> None:
        self._forward_hint = _forward_hint(target)
        self._candidates = sorted(candidates, key=lambda candidate: bool(candidate.problem))
        self._errors = errors
        self._service_url = service_url

    def best(self, *, external: bool) -> str:
        """Return the best base URL for another process; one that failed when it was tried only if there is no other.

        Raises:
            NotFoundError: none can be reached, or none from outside the cluster with `external`.
        """
        usable = [one for one in self._candidates if one.shared and (one.external or not external)]
        for candidate in usable:
            if not candidate.problem:
                return candidate.base
        if not external:
            if self._service_url is not None:
                return self._service_url
            if usable:
                return usable[0].base
        failed = [f"{one.backend}: {one.problem}" for one in usable]
        unshared = [
            f"{candidate.backend}: {candidate.url} works for kaito, but not for other programs"
            for candidate in self._candidates
            if candidate.external and not candidate.shared
        ]
        errors = dict.fromkeys(f"{name}: {_reason(exc)}" for name, exc in self._errors)
        raise NotFoundError(
            "No endpoint is reachable from outside the cluster", *unshared, *failed, *errors, self._forward_hint
        )

    def warnings(self, best: str) -> list[str]:
        """Return the warnings about the best URL."""
        candidate = next((one for one in self._candidates if one.shared and one.base == best), None)
        if candidate is None:
            # This URL itself may be among those that failed.
            failed = [f"   {one.backend}: {one.problem}" for one in self._candidates if one.problem]
            failed += [f"   {name}: {_reason(exc)}" for name, exc in self._errors]
            return ["Warning: this URL works inside the cluster only", *failed, f"   {self._forward_hint}"]
        if candidate.problem:
            return [f"Warning: this URL was tried, and failed: {candidate.problem}"]
        if candidate.external and best.startswith("http://"):
            return ["Warning: the connection is not encrypted"]
        if candidate.rank is None:
            return ["Warning: it is not known whether a model responds at this URL"]
        return []

    def as_data(self, best: str, *, external: bool) -> dict[str, Any]:
        """Return the fields of the JSON output, which the guide documents."""
        return {
            "url": best,
            "service_url": self._service_url,
            "ways": [
                {
                    "backend": candidate.backend,
                    "url": candidate.base,
                    "rank": candidate.rank,
                    "shared": candidate.shared,
                    "external": candidate.external,
                    "tls": candidate.url.startswith("https://"),
                    "problem": candidate.problem or None,
                }
                for candidate in self._candidates
                if candidate.external or not external
            ],
            "failures": [{"backend": name, "reason": _reason(exc)} for name, exc in self._errors],
        }


async def _list_endpoints(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, terminal: Terminal
) -> EndpointList:
    """Return all endpoints of the workspace.

    Raises:
        KaitoError: the workspace does not exist or is not ready; or the API server cannot be asked, and no endpoint is
            known without it.
    """
    from kaito.cluster.shared_client import shared_client
    from kaito.endpoints.selection import discover_all
    from kaito.types.targets import service_url

    serving: ServingWorkspace | None = None
    async with shared_client(settings.target) as shared:
        candidates, errors = await discover_all(backends, plugins, settings, terminal)
        has_shared = any(candidate.shared for candidate in candidates)
        try:
            serving = await shared.serving(terminal)
        except NotFoundError:
            raise
        except KaitoError:
            # In a pod, the Service's URL is known without the API server.
            if not has_shared:
                raise
        if serving is not None and not has_shared:
            await _check_service(await shared.client(terminal), serving, settings, errors)
    inside = service_url(serving.name, serving.namespace) if serving is not None else None
    return EndpointList(settings.target, candidates, errors, inside)


async def _check_service(
    cluster: ApiClient, serving: ServingWorkspace, settings: Settings, errors: Sequence[tuple[str, KaitoError]]
) -> None:
    """Check that the Service's URL may be printed if no backend has one.

    Raises:
        KaitoError: the Service does not exist, nothing is known about it, or the user named a backend.
    """
    from kaito.cluster.api_errors import MissingPermissionError
    from kaito.cluster.services import get_service

    if settings.chose_backend:
        message = f"--backend: '{settings.backend}' has no URL that other programs can use"
        raise errors[0][1] if errors else NotFoundError(message, _forward_hint(settings.target))
    try:
        await get_service(cluster, serving.namespace, serving.name)
    except MissingPermissionError:
        # The Service's name follows from the workspace's, unless that may not be read either.
        if not serving.known_ready:
            raise


def _reason(exc: KaitoError) -> str:
    """Return why a backend has no endpoint; the message of a :class:`ConnectError` is always the same."""
    return "; ".join(exc.details) if isinstance(exc, ConnectError) and exc.details else exc.message


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


def _add_options(options: PluginOptions) -> None:
    parser = options.parser
    group = parser.add_argument_group("Flags for the output")
    group.add_argument(
        "--external", action="store_true", help="Consider only endpoints outside the cluster; fail if there is none"
    )
    group.add_argument("-o", "--output", metavar="plain|json", help="Output format: the best URL, or all endpoints")
    group.add_argument("--format", metavar="url|json", help="Alias of --output")
    add_cluster_flags(parser, waits=True)
    add_endpoint_flags(parser, url=False)
    options.acts_as = "get-endpoint"


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `get-endpoint`."""
    return [
        Command(
            name="get-endpoint",
            summary=SUBCOMMANDS["get-endpoint"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            run=_run,
        )
    ]
