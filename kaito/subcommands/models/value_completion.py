"""Completes `--model` and `--instance-type`. Sources that fail are left out."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from kaito import KaitoError

if TYPE_CHECKING:
    from kaito import Cluster, ServedModel

T = TypeVar("T")

_INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")


class _Metadata(Struct, frozen=True):
    labels: dict[str, str] = {}


class _Node(Struct, frozen=True):
    metadata: _Metadata = _Metadata()


async def models(cluster: Cluster) -> Iterable[str]:
    """Return the models that the cluster offers and serves."""
    from kaito.subcommands.models.offered_models import Offer, read_offer

    offer, served = await _or(read_offer(cluster), Offer()), await _or(_served(cluster), ())
    return sorted({model.name for model in offer.models} | {one.model for one in served if one.model})


async def instance_types(cluster: Cluster) -> Iterable[str]:
    """Return the instance types of the cluster's nodes, and those of its workspaces."""
    nodes, served = await _or(cluster.list("/api/v1/nodes", _Node), []), await _or(_served(cluster), ())
    found = {node.metadata.labels.get(label) for node in nodes for label in _INSTANCE_LABELS}
    return sorted({one for one in found if one} | {one.instance_type for one in served if one.instance_type})


async def _served(cluster: Cluster) -> tuple[ServedModel, ...]:
    return await cluster.served_models()


async def _or(reading: Awaitable[T], otherwise: T) -> T:
    try:
        return await reading
    except KaitoError:
        return otherwise
