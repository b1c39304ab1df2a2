"""Suggests what to chat with when `--workspace-name` is missing: the ready workspaces, as commands to paste."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from kaito.cli.invocation import Invocation
from kaito.cluster.api_client import ApiClient
from kaito.cluster.workspaces.served import served_models
from kaito.errors import KaitoError
from kaito.types import ServedModel, Target

#: Workspaces that are suggested.
_MOST = 8
#: Characters of a command that is repeated with all its arguments.
_LONGEST = 200
#: Flags whose values may be secret.
_SECRET = ("--header", "-H")


def show_ready_workspaces(call: Invocation, target: Target) -> None:
    """Show the ready workspaces and InferenceSets below an error, if the cluster names them within two seconds.

    Those of the namespace come first; without any, those of other namespaces are shown.

    Raises:
        Interrupted: Ctrl-C.
    """
    from kaito.cli.quick_lookup import quick_lookup

    terminal = call.terminal
    terminal.status("looking for ready workspaces")
    try:
        found = quick_lookup(target, call.environ, _ready, terminal.tick if terminal.shows_status else None)
    except KaitoError:
        # It is a help with another error, and no error of its own.
        found = None
    finally:
        terminal.clear_status()
    if found is not None:
        place, ready = found
        for line in _lines(call, target, place, ready):
            terminal.notice(f"   {line}")


async def _ready(cluster: ApiClient) -> tuple[Mapping[str, str], list[ServedModel]]:
    ready = [one for one in await served_models(cluster) if one.ready]
    if not ready:
        ready = [one for one in await served_models(cluster, all_namespaces=True) if one.ready]
    return dict(cluster.config.location().in_cluster), ready


def _lines(call: Invocation, target: Target, place: Mapping[str, str], ready: Sequence[ServedModel]) -> list[str]:
    where = f"context {place['context']}"
    status = f"{call.command.rpartition(' ')[0]} status"
    if not ready:
        return [f"No workspace is ready in {where}; '{status} -A' lists all"]
    elsewhere = any(one.namespace != place["namespace"] for one in ready)
    inside = f"namespace {place['namespace']}, {where}" if not elsewhere else where
    lines = [f"Ready in {inside}:"]
    for one in ready[:_MOST]:
        namespace = [] if one.namespace == place["namespace"] else ["-n", one.namespace]
        lines.append(f"  {_command(call, target, [*namespace, '--workspace-name', one.workspace])}")
    if more := len(ready) - _MOST:
        lines += [f"  and {more} more; '{status}' lists all"] if more > 0 else []
    return lines


def _command(call: Invocation, target: Target, added: Sequence[str]) -> str:
    """Return the command with further arguments: as it was entered, unless that is long or may hold secrets."""
    arguments = list(call.arguments)
    if "-n" in added:
        arguments = _without_namespace(arguments)
    line = f"{call.command} {shlex.join([*arguments, *added])}"
    if len(line) > _LONGEST or "\n" in line or any(one.partition("=")[0] in _SECRET for one in arguments):
        chosen = (("--kubeconfig", target.kubeconfig), ("--context", target.context), ("-n", target.namespace))
        kept = [part for flag, value in chosen if value and flag not in added for part in (flag, value)]
        line = f"{call.command} {shlex.join([*kept, *added])}"
    return line


def _without_namespace(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    skips = False
    for argument in arguments:
        if skips:
            skips = False
        elif argument in ("-n", "--namespace"):
            skips = True
        elif not argument.startswith(("-n", "--namespace=")):
            kept.append(argument)
    return kept
