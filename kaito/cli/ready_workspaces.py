"""Suggests what to chat with when `--workspace-name` is missing: the ready workspaces, as commands to paste."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from kaito.cli.args.parser import Parser
from kaito.cli.invocation import Invocation
from kaito.cluster.api_client import ApiClient
from kaito.cluster.workspaces.served import served_models
from kaito.errors import KaitoError
from kaito.types import ServedModel, Target
from kaito.types.targets import target_of
from kaito.util.program import program_name
from kaito.util.sanitize import sanitize
from kaito.util.secret_names import may_be_secret

#: The most workspaces that are suggested.
_MOST = 8
#: A command with more characters is not repeated with all its arguments.
_LONGEST = 200


def show_ready_workspaces(call: Invocation, parser: Parser, target: Target) -> None:
    """Show the ready workspaces and InferenceSets below an error, if the cluster names them within two seconds.

    Those of the namespace come first; without any, those of other namespaces are shown.

    Args:
        parser: that of the command line.

    Raises:
        Interrupted: Ctrl-C.
    """
    from kaito.cli.quick_lookup import quick_lookup

    terminal = call.terminal
    terminal.status("looking for ready workspaces")
    try:
        found = quick_lookup(target, call.environ, _ready, terminal.tick if terminal.shows_status else None)
    except KaitoError:
        # The lines are only a hint for another error.
        found = None
    finally:
        terminal.clear_status()
    if found is not None:
        place, ready = found
        for line in _lines(call, parser, target, place, ready):
            terminal.notice(f"   {line}")


async def _ready(cluster: ApiClient) -> tuple[Mapping[str, str], list[ServedModel]]:
    ready = [one for one in await served_models(cluster) if one.ready]
    if not ready:
        ready = [one for one in await served_models(cluster, all_namespaces=True) if one.ready]
    return dict(cluster.config.location().in_cluster), ready


def _lines(
    call: Invocation, parser: Parser, target: Target, place: Mapping[str, str], ready: Sequence[ServedModel]
) -> list[str]:
    where = f"context {place['context']}"
    program = program_name()
    if not ready:
        return [f"No workspace is ready in {where}; '{program} status -A{target.cluster_flags}' lists all"]
    elsewhere = any(one.namespace != place["namespace"] for one in ready)
    inside = f"namespace {place['namespace']}, {where}" if not elsewhere else where
    lines = [f"Ready in {inside}:"]
    lines += [f"  {_command(call, parser, target, one, place['namespace'])}" for one in ready[:_MOST]]
    more = len(ready) - _MOST
    flags = f" -A{target.cluster_flags}" if elsewhere else target.place_flags
    return lines if more <= 0 else [*lines, f"  and {more} more; '{program} status{flags}' lists all"]


def _command(call: Invocation, parser: Parser, target: Target, one: ServedModel, namespace: str) -> str:
    """Return the command with the name of a workspace.

    It is as it was entered, unless that is long, may hold secrets, or could not be shown as it is.
    """
    name = ("--workspace-name", one.workspace)
    if one.namespace == namespace:
        arguments = parser.replaced(call.arguments, "--workspace-name", *name)
    else:
        arguments = parser.replaced(call.arguments, "--namespace", "-n", one.namespace, *name)
    line = f"{call.command} {shlex.join(arguments)}"
    if len(line) > _LONGEST or sanitize(line).splitlines() != [line] or any(map(_may_be_secret, arguments)):
        chosen = target_of(
            one.workspace,
            namespace=target.namespace if one.namespace == namespace else one.namespace,
            context=target.context,
            kubeconfig=target.kubeconfig,
        )
        line = f"{call.command} {chosen.flags}"
    return line


def _may_be_secret(argument: str) -> bool:
    """Return whether an argument may be a secret, or be a flag that takes one."""
    if not argument.startswith("--"):
        return may_be_secret("", argument)
    flag, _, value = argument.partition("=")
    return may_be_secret(flag, value)
