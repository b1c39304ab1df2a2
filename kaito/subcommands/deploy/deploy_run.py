"""Deploys: reads the cluster's definition, checks the objects, applies them, and waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kaito import ConflictError, KaitoError, NotFoundError, UsageError
from kaito.errors import Interrupted
from kaito.subcommands.deploy.manifests import GROUP, Deployment, build, flag_of
from kaito.subcommands.deploy.object_diff import difference, without_server_fields
from kaito.subcommands.deploy.schema_check import faults
from kaito.subcommands.deploy.served_schema import find_definition

if TYPE_CHECKING:
    from kaito import Cluster, CommandContext

_PLURALS = {"Workspace": "workspaces", "InferenceSet": "inferencesets", "ConfigMap": "configmaps"}
#: The most faults that an error lists.
_FAULTS = 10


class Options(Struct, frozen=True, kw_only=True):
    """How the objects are deployed."""

    #: `client`, `server`, or `""` for none.
    dry_run: str
    show_diff: bool
    force: bool
    #: Seconds to wait until it is ready; `None` does not wait.
    wait: float | None


class Step(Struct, frozen=True, kw_only=True):
    """A step of a deployment: a difference was found, or an object was applied."""

    difference: str | None = None
    item: Mapping[str, Any] = {}
    done: str = ""


def run(context: CommandContext, plan: Deployment, options: Options) -> None:
    """Deploy, and write each step.

    Raises:
        KaitoError: the cluster refuses an object or cannot be reached, or the deployment is not ready in time.
        Interrupted: Ctrl-C.
    """
    items = []
    if options.dry_run == "client":
        items = build(plan, namespace=context.settings.target.namespace)
        if context.output == "plain":
            context.write("".join(f"{_name(item)} created (dry run)\n" for item in items))
    else:
        try:
            for step in context.stream(_steps(context, plan, options)):
                if step.difference is not None:
                    _show(context, step.difference)
                elif step.item:
                    # A dry run's output can be applied: it has no uid, which no object would have.
                    items.append(without_server_fields(step.item, whole=bool(options.dry_run)))
                    # For a dry run, the difference says it all.
                    if context.output == "plain" and not (options.show_diff and options.dry_run):
                        context.write(f"{_name(step.item)} {step.done}\n")
        except Interrupted as exc:
            # The objects stay: only the wait has ended.
            if not options.dry_run and any(item["kind"] == plan.kind for item in items):
                for line in _next_steps(context, plan, waited=False):
                    exc.add_note(line)
            raise
    if context.output == "name":
        context.write("".join(f"{_name(item)}\n" for item in items))
    elif context.output != "plain":
        context.write_object(items[0] if len(items) == 1 else {"apiVersion": "v1", "kind": "List", "items": items})
    if not options.dry_run:
        for line in _next_steps(context, plan, waited=options.wait is not None):
            context.notice(line)


def _show(context: CommandContext, text: str) -> None:
    """Write a difference, to stderr when stdout is for the object."""
    if context.output == "plain":
        context.write(text)
    else:
        for line in text.splitlines():
            context.notice(line)


async def _steps(context: CommandContext, plan: Deployment, options: Options) -> AsyncGenerator[Step, None]:
    async with context.cluster() as cluster:
        context.reporter.status(f"reading the cluster's definition of {plan.kind}")
        definition = await find_definition(cluster, plan.kind, context.settings.target.cluster_flags)
        items = build(plan, definition.version, cluster.namespace)
        _check(plan, [(fault.field, fault.reason) for fault in faults(items[-1], definition)], definition.version)
        for item in items:
            if options.show_diff:
                yield await _difference(cluster, item)
            yield await _apply(context, cluster, item, options, is_only=len(items) == 1)
        if options.wait is not None:
            await cluster.wait_until_ready(plan.workspace, options.wait)
        context.reporter.status("")


def _check(plan: Deployment, found: list[tuple[str, str]], version: str) -> None:
    """Refuse an object that does not match the cluster's schema.

    Raises:
        UsageError: the object does not match; each line names a field and its flag.
    """
    lines = [f"{flag_of(field) or plan.kind}: field {field} {reason}" for field, reason in found[:_FAULTS]]
    if lines:
        kind = f"{plan.kind} ({GROUP}/{version})"
        raise UsageError(f"{lines[0]} in this cluster's {kind}", *lines[1:], "Its version of KAITO may be another one")


async def _difference(cluster: Cluster, item: Mapping[str, Any]) -> Step:
    """Compare an object in the cluster with what the API server would make of it."""
    root = "/api" if item["apiVersion"] == "v1" else "/apis"
    metadata = item["metadata"]
    kind = _PLURALS[item["kind"]]
    try:
        path = f"{root}/{item['apiVersion']}/namespaces/{metadata['namespace']}/{kind}/{metadata['name']}"
        old = await cluster.get(path)
    except NotFoundError:
        old = None
    new = await cluster.apply(item, dry_run=True, force=True)
    return Step(difference=difference(old, new.object, _name(item)) or f"{_name(item)} would not change\n")


async def _apply(
    context: CommandContext, cluster: Cluster, item: Mapping[str, Any], options: Options, *, is_only: bool
) -> Step:
    context.reporter.status(f"applying {_name(item)}")
    dry_run = options.dry_run == "server"
    try:
        applied = await cluster.apply(item, dry_run=dry_run, force=options.force)
    except ConflictError as exc:
        raise ConflictError(
            exc.message,
            *exc.hints,
            "To see the difference: --show-diff --dry-run=server. To take these fields over: --force-conflicts",
        ) from None
    except KaitoError as exc:
        if dry_run and not is_only and item["kind"] != "ConfigMap":
            exc.hints = (
                *exc.hints,
                "A dry run has not created the ConfigMap of --inference-config, which KAITO checks",
            )
        raise
    finally:
        context.reporter.status("")
    done = "created" if applied.created else "applied"
    return Step(item=applied.object, done=f"{done} (server dry run)" if dry_run else done)


def _next_steps(context: CommandContext, plan: Deployment, *, waited: bool) -> list[str]:
    """Return hints for what to do next with the deployment."""
    where = context.settings.target.place_flags
    name = f"--workspace-name {plan.workspace}{where}"
    wait = [] if waited else [f"To wait until it is ready: {context.program} status {name} --wait"]
    return [*wait, f"To chat with it: {context.program} chat {name}"]


def _name(item: Mapping[str, Any]) -> str:
    """Return an object's name as kubectl writes it, such as `workspace.kaito.sh/my-llama`."""
    group = str(item["apiVersion"]).rpartition("/")[0]
    return f"{str(item['kind']).lower()}{'.' if group else ''}{group}/{item['metadata']['name']}"
