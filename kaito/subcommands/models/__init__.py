"""`kaito models`: lists the models that a cluster offers, and those that it serves. Uses the public API only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kaito import Column, Command, ForbiddenError, OptionGroup, hookimpl
from kaito.types import Row, readiness

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
        names, rows = _offered_rows(offer.models, is_wide)
        context.write_table([_OFFERED[name] for name in names], rows)
    if served:
        context.write("\nServed:\n" if offer.models else "Served:\n")
        all_namespaces = context.option("all_namespaces")
        context.write_table(_served_columns(is_wide, all_namespaces), _served_rows(served, is_wide, all_namespaces))
    else:
        everywhere = context.option("all_namespaces")
        context.notice("No model is served" + ("" if everywhere else " in this namespace; -A lists those of all"))


async def _read(context: CommandContext) -> tuple[Offer, list[ServedModel]]:
    """Return the models that the cluster offers and serves. It is an error only if neither may be read."""
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


#: The columns of the models that the cluster offers, by the fields of :class:`OfferedModel`.
_OFFERED = {
    "name": Column(title="NAME", least=40),
    "type": Column(title="TYPE", rank=2),
    "secret": Column(title="SECRET", rank=1),
    "state": Column(title="COPY", rank=3),
    "runtime": Column(title="RUNTIME"),
    "tag": Column(title="TAG"),
    "source": Column(title="SOURCE"),
    "version": Column(title="VERSION"),
}
_WIDE = ("runtime", "tag", "source", "version")


def _offered_rows(models: Sequence[OfferedModel], is_wide: bool) -> tuple[list[str], list[list[str]]]:
    """Return the columns in which a model has a value, and the rows."""
    fields = [
        {name: getattr(model, name, "") or "" for name in _OFFERED} | {"secret": "needed" * model.needs_secret}
        for model in models
    ]
    names = [name for name in _OFFERED if is_wide or name not in _WIDE]
    names = [name for name in names if any(row[name] for row in fields)]
    return names, [[row[name] or "-" for name in names] for row in fields]


def _served_columns(is_wide: bool, all_namespaces: bool) -> list[Column]:
    return [
        *([Column(title="NAMESPACE", least=20)] if all_namespaces else []),
        Column(title="NAME", least=40),
        Column(title="READY"),
        Column(title="MODEL", rank=1),
        *([Column(title=name) for name in ("RUNTIME", "INSTANCE", "NODES", "REPLICAS", "ADAPTERS")] if is_wide else []),
        Column(title="WHY", below=True),
    ]


def _served_rows(served: Iterable[ServedModel], is_wide: bool, all_namespaces: bool) -> Iterator[Row]:
    for one in served:
        replicas = f"{one.ready_replicas}/{one.replicas}" if one.replicas is not None else ""
        nodes = str(one.nodes) if one.nodes is not None else ""
        wide = (one.runtime or "", one.instance_type or "", nodes, replicas, ", ".join(one.adapters))
        yield (
            *([one.namespace] if all_namespaces else []),
            one.workspace,
            readiness(one.ready, waiting=one.waiting),
            one.model or "",
            *(wide if is_wide else ()),
            one.why,
        )


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
