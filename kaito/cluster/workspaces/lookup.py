"""Looks up Workspaces and InferenceSets by name, and suggests alternatives when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TypeVar

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import KindNotServedError, ObjectNotFoundError
from kaito.cluster.kinds import KubernetesObject, Namespace
from kaito.cluster.workspaces.objects import (
    API_GROUP,
    API_VERSIONS,
    INFERENCE_SET_LABEL,
    InferenceSet,
    InferenceSetObject,
    Workspace,
    WorkspaceObject,
    parse_inference_set,
    parse_workspace,
)
from kaito.errors import KaitoError, NotFoundError
from kaito.util.program import program_name
from kaito.util.suggest import did_you_mean, listed

#: One of KAITO's kinds.
KaitoObject = TypeVar("KaitoObject", WorkspaceObject, InferenceSetObject)

#: The most names that an error message lists.
_MAX_LISTED_NAMES = 5


async def get_workspace(cluster: ApiClient, name: str) -> Workspace:
    """Return a Workspace of the client's namespace.

    Raises:
        NotFoundError: it does not exist, or KAITO is not installed.
        KaitoError: the API server returned an error or cannot be reached.
    """
    try:
        return parse_workspace(await _get_object(cluster, WorkspaceObject, name))
    except ObjectNotFoundError:
        raise await _not_found_error(cluster, WorkspaceObject, name) from None


async def get_inference_set(cluster: ApiClient, name: str) -> InferenceSet:
    """Return an InferenceSet of the client's namespace.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    try:
        return parse_inference_set(await _get_object(cluster, InferenceSetObject, name))
    except ObjectNotFoundError:
        raise await _not_found_error(cluster, InferenceSetObject, name) from None


async def get_replicas(cluster: ApiClient, inference_set: str) -> list[Workspace]:
    """Return the Workspaces of an InferenceSet, ready ones first.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    items = await list_objects(cluster, WorkspaceObject, labelSelector=f"{INFERENCE_SET_LABEL}={inference_set}")
    return sort_replicas(map(parse_workspace, items))


def sort_replicas(replicas: Iterable[Workspace]) -> list[Workspace]:
    """Return replicas in the order in which they are shown and used: ready ones first."""
    return sorted(replicas, key=lambda replica: (not replica.ready, replica.name))


async def list_objects(
    cluster: ApiClient, kind: type[KaitoObject], *, all_namespaces: bool = False, **params: str
) -> list[KaitoObject]:
    """Return all objects of one of KAITO's kinds.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    for version in API_VERSIONS:
        try:
            return await cluster.items(_list_path(cluster, version, kind, all_namespaces), kind, **params)
        except KindNotServedError:
            continue
    raise _not_served_error(cluster, kind)


async def served_list_path(
    cluster: ApiClient,
    kind: type[WorkspaceObject | InferenceSetObject],
    *,
    all_namespaces: bool = False,
    selector: Mapping[str, str] | None = None,
) -> str:
    """Return the path to list and watch one of KAITO's kinds, in the newest version that the API server serves.

    `selector` is the query of the watch, such as `fieldSelector`: a role may allow only this query.

    Raises:
        KaitoError: as for :func:`get_workspace`.
    """
    for version in API_VERSIONS:
        path = _list_path(cluster, version, kind, all_namespaces)
        try:
            await cluster.read(path, {"limit": "1", **(selector or {})})
        except KindNotServedError:
            continue
        return path
    raise _not_served_error(cluster, kind)


async def _get_object(cluster: ApiClient, kind: type[KaitoObject], name: str) -> KaitoObject:
    for version in API_VERSIONS:
        try:
            return await cluster.get(f"{_list_path(cluster, version, kind)}/{name}", kind)
        except KindNotServedError:
            continue
    raise _not_served_error(cluster, kind)


def _list_path(
    cluster: ApiClient, version: str, kind: type[WorkspaceObject | InferenceSetObject], all_namespaces: bool = False
) -> str:
    namespace = "" if all_namespaces else f"namespaces/{cluster.namespace}/"
    return f"/apis/{API_GROUP}/{version}/{namespace}{kind.plural}"


def _not_served_error(cluster: ApiClient, kind: type[WorkspaceObject | InferenceSetObject]) -> NotFoundError:
    return NotFoundError(
        "KAITO is not installed in this cluster"
        if kind is WorkspaceObject
        else "This version of KAITO does not support InferenceSets",
        f"{cluster.config.server.origin()} has no resource '{kind.plural}.{API_GROUP}'",
        f"To check the context: {cluster.config.contexts_command}",
    )


async def _not_found_error(cluster: ApiClient, kind: type[KaitoObject], name: str) -> NotFoundError:
    """Return an error with the hints that the user's permissions allow."""
    workspaces, inference_sets, in_cluster, namespaces = await asyncio.gather(
        _namespaced_names(list_objects(cluster, WorkspaceObject)),
        _namespaced_names(list_objects(cluster, InferenceSetObject)),
        _namespaced_names(list_objects(cluster, kind, all_namespaces=True)),
        _namespaced_names(cluster.items("/api/v1/namespaces", Namespace)),
    )
    namespace = cluster.namespace
    hints = []
    if namespaces and ("", namespace) not in namespaces:
        close = did_you_mean(namespace, (each for _, each in namespaces))
        hints.append(f"Namespace '{namespace}' does not exist" + (f"; did you mean '{close}'?" if close else ""))
    elsewhere = [other for other, each in in_cluster if each == name and other != namespace]
    if elsewhere:
        option = f"use -n {elsewhere[0]}" if len(elsewhere) == 1 else "select one with -n"
        hints.append(f"Found in: {listed(elsewhere, _MAX_LISTED_NAMES)} ({option})")
    # What --workspace-name takes, and the names alone; those of the same kind replace others.
    own: dict[str, str] = {each: each for _, each in workspaces}
    of_sets: dict[str, str] = {each: f"inferenceset/{each}" for _, each in inference_sets}
    by_name = {**of_sets, **own} if kind is WorkspaceObject else {**own, **of_sets}
    if close := did_you_mean(name, by_name):
        hints.append(f"Did you mean '{by_name[close]}'?")
    elif by_name:
        hints.append(f"Available: {listed([*own.values(), *of_sets.values()], _MAX_LISTED_NAMES)}")
    if not elsewhere:
        hints.append(all_workspaces_hint(cluster))
    return NotFoundError(f"{kind.kind} '{name}' not found in namespace '{namespace}'", *hints)


def all_workspaces_hint(cluster: ApiClient) -> str:
    """Return the hint with the command that lists the workspaces of all namespaces."""
    return f"To list all workspaces: {program_name()} status -A{cluster.config.flags}"


async def _namespaced_names(listing: Awaitable[Sequence[KubernetesObject]]) -> list[tuple[str, str]]:
    """Return namespace and name of the objects that are listed; nothing if the list fails."""
    try:
        items = await listing
    except KaitoError:
        return []
    return sorted((item.namespace, item.name) for item in items)
