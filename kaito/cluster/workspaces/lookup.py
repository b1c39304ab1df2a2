"""Finding a Workspace or an InferenceSet by its name, and telling well when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from kaito.cluster.api_client import ApiClient, Object
from kaito.cluster.api_errors import Missing, NotServed
from kaito.cluster.workspaces.objects import (
    CREATED_BY,
    GROUP,
    VERSIONS,
    InferenceSet,
    Workspace,
    read_inference_set,
    read_workspace,
)
from kaito.errors import KaitoError, NotFoundError

#: Names that a message lists at most.
_SOME = 5


async def get_workspace(cluster: ApiClient, name: str) -> Workspace:
    """Return a Workspace of the cluster's namespace.

    Raises:
        NotFoundError: there is none of that name, or KAITO is not installed.
        KaitoError: the API server refuses or cannot be reached.
    """
    try:
        return read_workspace(await get_kaito(cluster, "workspaces", name))
    except Missing:
        raise await _not_there(cluster, "workspaces", "Workspace", name) from None


async def get_inference_set(cluster: ApiClient, name: str) -> InferenceSet:
    """Return an InferenceSet of the cluster's namespace.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    try:
        return read_inference_set(await get_kaito(cluster, "inferencesets", name))
    except Missing:
        raise await _not_there(cluster, "inferencesets", "InferenceSet", name) from None


async def get_replicas(cluster: ApiClient, inference_set: str) -> list[Workspace]:
    """Return an InferenceSet's Workspaces, those that are ready first.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    items = await list_kaito(cluster, "workspaces", labelSelector=f"{CREATED_BY}={inference_set}")
    return sorted(map(read_workspace, items), key=lambda replica: (not replica.ready, replica.name))


async def get_kaito(cluster: ApiClient, plural: str, name: str) -> Object:
    """Return one of KAITO's objects, in the newest version that is served.

    Raises:
        Missing: there is none of that name.
        KaitoError: as for :func:`get_workspace`.
    """
    for version in VERSIONS:
        try:
            return await cluster.get(f"{kaito_path(version, cluster.namespace, plural)}/{name}")
        except NotServed:
            continue
    raise _not_installed(cluster, plural)


async def list_kaito(cluster: ApiClient, plural: str, *, everywhere: bool = False, **params: str) -> list[Object]:
    """Return KAITO's objects of one kind, in the namespace or everywhere.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    for version in VERSIONS:
        try:
            return await cluster.items(kaito_path(version, None if everywhere else cluster.namespace, plural), **params)
        except NotServed:
            continue
    raise _not_installed(cluster, plural)


async def served_path(
    cluster: ApiClient, plural: str, *, everywhere: bool = False, selection: Mapping[str, str] | None = None
) -> str:
    """Return the path of a list of KAITO's objects in the newest version that is served, for following it.

    Args:
        cluster: where they are.
        plural: their kind.
        everywhere: whether all namespaces are meant.
        selection: what they will be selected by, such as `fieldSelector`. A role may allow no more than that.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    for version in VERSIONS:
        path = kaito_path(version, None if everywhere else cluster.namespace, plural)
        try:
            await cluster.get(path, limit="1", **(selection or {}))
        except NotServed:
            continue
        return path
    raise _not_installed(cluster, plural)


def kaito_path(version: str, namespace: str | None, plural: str) -> str:
    """Return the path of a list; everywhere without a namespace."""
    return f"/apis/{GROUP}/{version}/" + (f"namespaces/{namespace}/" if namespace else "") + plural


def _not_installed(cluster: ApiClient, plural: str) -> NotFoundError:
    what = "KAITO is not installed in this cluster" if plural == "workspaces" else "This KAITO knows no InferenceSets"
    return NotFoundError(
        what,
        f"{cluster.config.server.origin()} has no kind '{plural}.{GROUP}'",
        "Is the context the right one? See 'kubectl config get-contexts'",
    )


async def _not_there(cluster: ApiClient, plural: str, kind: str, name: str) -> NotFoundError:
    """Explain as well as the user's permissions allow."""
    here, everywhere, namespaces = await asyncio.gather(
        _names(list_kaito(cluster, plural)),
        _names(list_kaito(cluster, plural, everywhere=True)),
        _names(cluster.items("/api/v1/namespaces")),
    )
    namespace = cluster.namespace
    hints = []
    if namespaces and ("", namespace) not in namespaces:
        near = get_close_matches(namespace, [each for _, each in namespaces], n=1)
        hints.append(f"There is no namespace '{namespace}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    if elsewhere := [space for space, each in everywhere if each == name and space != namespace]:
        one = f"There is one in namespace {elsewhere[0]}: add -n {elsewhere[0]}"
        hints.append(
            one if len(elsewhere) == 1 else f"There are such in namespaces {_listed(elsewhere)}: choose with -n"
        )
    names = [each for _, each in here]
    if near := get_close_matches(name, names, n=1):
        hints.append(f"Did you mean '{near[0]}'?")
    elif names:
        hints.append(f"There {'is' if len(names) == 1 else 'are'}: {_listed(names)}")
    elif not elsewhere:
        hints.append("To see all: kubectl kaito status -A")
    return NotFoundError(f"{kind} '{name}' was not found in namespace '{namespace}'", *hints)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SOME]) + (f" and {len(names) - _SOME} more" if len(names) > _SOME else "")


async def _names(listing: Any) -> list[tuple[str, str]]:
    try:
        items: list[Mapping[str, Any]] = await listing
    except KaitoError:
        return []
    return sorted((item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in items)
