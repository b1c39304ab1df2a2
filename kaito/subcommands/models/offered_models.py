"""Reads the models that a cluster offers: KAITO's list in a ConfigMap, and copies of models in the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kaito import ForbiddenError, KaitoError, NotFoundError
from kaito.toolkit import decode_yaml

if TYPE_CHECKING:
    from kaito import Cluster

#: Older versions of KAITO publish their presets in this ConfigMap, in the namespace where they are installed.
CONFIG_MAP = "kaito-supported-models"
_KEY = "SupportedModels"
#: Where KAITO is installed by its chart, and by AKS.
NAMESPACES = ("kaito-workspace", "kube-system")
#: An entry of the list for the image that all models share.
_NOT_A_MODEL = "base"


class OfferedModel(Struct, frozen=True, kw_only=True):
    """A model that can be deployed."""

    name: str
    #: Such as `text-generation`.
    type: str = ""
    runtime: str = ""
    #: Of its image.
    tag: str = ""
    #: Where its weights are from.
    version: str = ""
    #: Whether `--model-access-secret` is needed.
    needs_secret: bool = False
    #: The object that offers it, such as `configmap/kaito-supported-models`.
    source: str
    #: Of a copy in the cluster: whether it is complete, such as `Ready` or `Downloading`.
    state: str = ""


class Offer(Struct, frozen=True, kw_only=True):
    """The models that a cluster offers."""

    models: tuple[OfferedModel, ...] = ()
    #: Why there is no list, and what to do; empty when there is one.
    remarks: tuple[str, ...] = ()


class _Entry(Struct, frozen=True):
    name: str
    type: str = ""
    runtime: str = ""
    tag: object = ""
    version: str = ""
    download_at_runtime: bool = field(name="downloadAtRuntime", default=False)


class _List(Struct, frozen=True):
    models: tuple[_Entry, ...] = ()


class _Metadata(Struct, frozen=True):
    name: str
    namespace: str = ""


class _ConfigMap(Struct, frozen=True):
    metadata: _Metadata
    data: dict[str, str] = {}


class _Source(Struct, frozen=True):
    model: str = field(name="modelID", default="")


class _MirrorSpec(Struct, frozen=True):
    source: _Source = _Source()


class _MirrorStatus(Struct, frozen=True):
    phase: str = ""


class _Mirror(Struct, frozen=True):
    metadata: _Metadata
    spec: _MirrorSpec = _MirrorSpec()
    status: _MirrorStatus = _MirrorStatus()


async def read_offer(cluster: Cluster, namespace: str | None = None) -> Offer:
    """Return the models that the cluster offers. Missing permissions become remarks.

    Args:
        namespace: where KAITO is installed; `None` looks at the usual places.

    Raises:
        KaitoError: the API server cannot be reached, or the list is not valid.
    """
    found, forbidden = await _config_map(cluster, namespace)
    mirrors, hidden = await _mirrors(cluster)
    if found is not None:
        return Offer(models=(*_listed(found), *mirrors))
    if forbidden is not None:
        remarks = ("The list of models may not be read", f"   {forbidden.message}", *_indented(forbidden.hints))
        return Offer(models=mirrors, remarks=remarks)
    where = f"namespace '{namespace}'" if namespace else "this cluster"
    remarks = (
        f"There is no list of models in {where}: recent versions of KAITO publish none",
        "   They deploy their presets, and any Hugging Face id that vLLM supports: --model ORGANISATION/MODEL",
    )
    if hidden is not None and not mirrors:
        remarks += (f"   Copies of models in the cluster are not shown: {hidden.message}",)
    return Offer(models=mirrors, remarks=remarks)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"   {line}" for line in lines]


async def _config_map(cluster: Cluster, namespace: str | None) -> tuple[_ConfigMap | None, ForbiddenError | None]:
    forbidden: ForbiddenError | None = None
    for each in (namespace,) if namespace else NAMESPACES:
        try:
            return await cluster.get(f"/api/v1/namespaces/{each}/configmaps/{CONFIG_MAP}", _ConfigMap), None
        except NotFoundError:
            continue
        except ForbiddenError as exc:
            forbidden = forbidden or exc
    if namespace is None:
        try:
            maps = await cluster.list("/api/v1/configmaps", _ConfigMap, fieldSelector=f"metadata.name={CONFIG_MAP}")
        except ForbiddenError:
            # It may be in another namespace. `forbidden` is set if a usual one could not be read.
            return None, forbidden
        if maps:
            return maps[0], None
        forbidden = None
    return None, forbidden


async def _mirrors(cluster: Cluster) -> tuple[tuple[OfferedModel, ...], ForbiddenError | None]:
    try:
        mirrors = await cluster.list("/apis/kaito.sh/v1alpha1/modelmirrors", _Mirror)
    except NotFoundError:
        return (), None
    except ForbiddenError as exc:
        return (), exc
    return tuple(_copy(mirror) for mirror in mirrors), None


def _listed(item: _ConfigMap) -> list[OfferedModel]:
    place = f"{item.metadata.namespace}/{item.metadata.name}"
    try:
        entries = decode_yaml(item.data.get(_KEY, "").encode(), _List).models
    except ValueError as exc:
        raise KaitoError(f"The list of models in the ConfigMap {place} is not valid: {exc}") from None
    return [
        OfferedModel(
            name=entry.name,
            type=entry.type,
            runtime=entry.runtime,
            tag=str(entry.tag),
            version=entry.version,
            needs_secret=entry.download_at_runtime,
            source=f"configmap/{item.metadata.name}",
        )
        for entry in entries
        if entry.name != _NOT_A_MODEL
    ]


def _copy(mirror: _Mirror) -> OfferedModel:
    return OfferedModel(
        name=mirror.spec.source.model or mirror.metadata.name,
        source=f"modelmirror/{mirror.metadata.name}",
        state=mirror.status.phase,
    )
