"""`kaito models`: lists what a cluster offers and what it serves. Written on the public hook alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kaito import Command, ForbiddenError, OptionGroup, hookimpl

if TYPE_CHECKING:
    from kaito import CommandContext, ServedModel
    from kaito.subcommands.models.offered_models import Offer, OfferedModel

_DESCRIPTION = (
    "List the models that a cluster offers, and the workspaces that serve one now. Both come from the cluster: nothing "
    "is fetched from the internet."
)

_EXAMPLES = """
    # List the models that the cluster offers, and what serves in the namespace
    kaito models

    # Also list what serves in all other namespaces, with more columns
    kaito models -A -o wide

    # Write JSON
    kaito models -o json
"""


def _run(context: CommandContext) -> None:
    offer, served = context.wait(_read(context))
    for remark in offer.remarks:
        context.notice(remark)
    if context.output in ("json", "yaml"):
        offered = [_offered_data(model) for model in offer.models]
        context.write_object({"offered": offered, "served": [_served_data(one) for one in served]})
        return
    is_wide = context.output == "wide"
    if offer.models:
        context.write("Offered:\n")
        context.write_object(_without_empty([_offered_row(model, is_wide) for model in offer.models]))
    if served:
        context.write("\nServed:\n" if offer.models else "Served:\n")
        all_namespaces = context.option("all_namespaces")
        context.write_object([_served_row(one, is_wide, all_namespaces) for one in served])
    else:
        context.notice("No model is served" + ("" if context.option("all_namespaces") else " in this namespace"))


async def _read(context: CommandContext) -> tuple[Offer, list[ServedModel]]:
    """Return what the cluster offers and serves. Only when neither may be read, it is an error."""
    from kaito.subcommands.models.offered_models import Offer, read_offer

    async with context.cluster() as cluster:
        context.reporter.status("asking the API server")
        offer = await read_offer(cluster, context.option("kaito_namespace"))
        try:
            served = await cluster.served_models(all_namespaces=context.option("all_namespaces"))
        except ForbiddenError as exc:
            if not offer.models:
                raise
            remarks = (f"What is served may not be listed: {exc.message}", *(f"   {hint}" for hint in exc.hints))
            offer, served = Offer(models=offer.models, remarks=(*offer.remarks, *remarks)), ()
        context.reporter.status("")
    return offer, [one for one in served if not one.tuning]


def _offered_row(model: OfferedModel, is_wide: bool) -> dict[str, Any]:
    secret = "needed" if model.needs_secret else None
    row: dict[str, Any] = {
        "name": model.name,
        "type": model.type or None,
        "secret": secret,
        "copy": model.state or None,
    }
    more = {"runtime": model.runtime, "tag": model.tag, "source": model.source, "version": model.version}
    return {**row, **{name: value or None for name, value in more.items()}} if is_wide else row


def _without_empty(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without the columns in which none has a value."""
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    return [{name: row[name] for name in names} for row in rows]


def _served_row(one: ServedModel, is_wide: bool, all_namespaces: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"namespace": one.namespace} if all_namespaces else {}
    row |= {"name": one.workspace, "ready": one.ready, "model": one.model}
    if is_wide:
        nodes = f"{one.ready_replicas}/{one.replicas}" if one.replicas is not None else None
        row |= {"runtime": one.runtime, "instance": one.instance_type, "nodes": one.nodes, "replicas": nodes}
        row |= {"adapters": ", ".join(one.adapters) or None}
    return {**row, "why": one.why}


def _offered_data(model: OfferedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "type": model.type or None,
        "runtime": model.runtime or None,
        "tag": model.tag or None,
        "version": model.version or None,
        "needs_secret": model.needs_secret,
        "source": model.source,
        "state": model.state or None,
    }


def _served_data(one: ServedModel) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "namespace": one.namespace,
        "ready": one.ready,
        "why": one.why or None,
        "model": one.model,
        "adapters": list(one.adapters),
        "runtime": one.runtime,
        "instance_type": one.instance_type,
        "nodes": one.nodes,
        "inference_set": one.inference_set,
        "replicas": one.replicas,
        "ready_replicas": one.ready_replicas,
    }


def _add_options(options: OptionGroup) -> None:
    options.add("--all-namespaces", short="-A", switch=True, help="List what serves in all namespaces")
    options.add(
        "--kaito-namespace",
        metavar="NAME",
        help="Namespace where KAITO is installed; the usual ones, then all by default",
        parse=_namespace,
    )


def _namespace(value: str) -> str:
    if not re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError("is not the name of a namespace")
    return value


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `models`."""
    return [
        Command(
            name="models",
            summary="List the models that a cluster offers, and those that it serves",
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            outputs=("wide", "json", "yaml"),
            cluster=True,
            names_workspace=False,
            run=_run,
        )
    ]
