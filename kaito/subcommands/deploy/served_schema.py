"""Finds the version of a kind that a cluster serves, and its schema, in the API server's OpenAPI documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kaito import ForbiddenError, KaitoError, NotFoundError
from kaito.subcommands.deploy.manifests import GROUP

if TYPE_CHECKING:
    from kaito import Cluster


class Schema(Struct, frozen=True):
    """A schema of OpenAPI 3.0, with the keywords that KAITO's definitions use."""

    type: str = ""
    properties: dict[str, Schema] = {}
    required: tuple[str, ...] = ()
    items: Schema | None = None
    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_items: int | None = field(name="minItems", default=None)
    max_items: int | None = field(name="maxItems", default=None)
    max_length: int | None = field(name="maxLength", default=None)
    additional: Schema | bool | None = field(name="additionalProperties", default=None)
    all_of: tuple[Schema, ...] = field(name="allOf", default=())
    #: Such as `#/components/schemas/io.k8s.…ObjectMeta`.
    reference: str = field(name="$ref", default="")
    open: bool = field(name="x-kubernetes-preserve-unknown-fields", default=False)
    kinds: tuple[Any, ...] = field(name="x-kubernetes-group-version-kind", default=())


class Definition(Struct, frozen=True):
    """A kind in one version. Without a schema, only the API server checks objects."""

    version: str
    schema: Schema | None = None
    #: The schemas that it refers to, by name.
    others: dict[str, Schema] = {}


class _Version(Struct, frozen=True):
    version: str


class _Group(Struct, frozen=True):
    versions: tuple[_Version, ...] = ()


class _Resource(Struct, frozen=True):
    kind: str


class _Resources(Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


class _Components(Struct, frozen=True):
    schemas: dict[str, Schema] = {}


class _Document(Struct, frozen=True):
    components: _Components = _Components()


async def find_definition(cluster: Cluster, kind: str, flags: str) -> Definition:
    """Return a kind of KAITO's in the version that the cluster prefers, of those that have it.

    Args:
        flags: those that select the cluster, for commands to paste.

    Raises:
        NotFoundError: KAITO is not installed, or does not have the kind.
    """
    try:
        group = await cluster.get(f"/apis/{GROUP}", _Group)
    except NotFoundError:
        hint = f"To check the context: kubectl config get-contexts{flags}"
        raise NotFoundError("KAITO is not installed in this cluster", hint) from None
    for version in (each.version for each in group.versions):
        served = await cluster.get(f"/apis/{GROUP}/{version}", _Resources)
        if any(resource.kind == kind for resource in served.resources):
            return await _with_schema(cluster, kind, version)
    raise NotFoundError(
        f"The KAITO of this cluster has no kind {kind}",
        f"To list those that it has: kubectl api-resources --api-group={GROUP}{flags}",
    )


async def _with_schema(cluster: Cluster, kind: str, version: str) -> Definition:
    try:
        document = await cluster.get(f"/openapi/v3/apis/{GROUP}/{version}", _Document)
    except (NotFoundError, ForbiddenError):
        return Definition(version)
    except KaitoError as exc:
        if exc.exit_code != KaitoError.exit_code:
            raise
        # The document is not as expected. Deploying is possible without it.
        return Definition(version)
    schemas = document.components.schemas
    wanted = {"group": GROUP, "version": version, "kind": kind}
    return Definition(version, next((one for one in schemas.values() if wanted in one.kinds), None), schemas)
