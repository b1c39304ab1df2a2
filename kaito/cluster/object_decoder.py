"""Decodes what the API server sends: objects, pages of lists, and events of watches. No I/O."""

from __future__ import annotations

from typing import Generic

import msgspec
from msgspec import Struct

from kaito.cluster.kinds import Kind, Metadata
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.limits import SHOWN_NAME


class MalformedObject(Struct, frozen=True, kw_only=True):
    """An object of a list or a watch that cannot be decoded."""

    kind: str
    #: `""` when its metadata cannot be decoded either.
    name: str
    namespace: str
    error: DecodeError

    @property
    def key(self) -> str:
        """As :attr:`~kaito.cluster.kinds.KubernetesObject.key`."""
        return f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        name = f"{self.kind} '{self.name[:SHOWN_NAME]}'" if self.name else f"A {self.kind} without a valid name"
        namespace = f" in namespace '{self.namespace[:SHOWN_NAME]}'" if self.namespace else ""
        return f"{name}{namespace} is left out, as it is not valid: {self.error}"


class Page(Struct, Generic[Kind], frozen=True, kw_only=True):
    """A page of a list."""

    items: list[Kind]
    malformed: list[MalformedObject]
    #: The resource version of the list.
    version: str
    #: The token for the next page; `""` on the last one.
    next: str


class WatchEvent(Struct, Generic[Kind], frozen=True, kw_only=True):
    """An event of a watch. One that is not an error has an object or the reason why it has none, but for a bookmark."""

    #: `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    type: str
    item: Kind | None = None
    malformed: MalformedObject | None = None
    #: The resource version to continue from; `""` when it cannot be decoded.
    version: str = ""
    #: For `ERROR`: a `Status` as JSON.
    status: bytes = b""


class _ListMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    next: str = msgspec.field(default="", name="continue")
    resource_version: str = ""


class _RawList(Struct, frozen=True, kw_only=True):
    metadata: _ListMetadata = _ListMetadata()
    items: list[msgspec.Raw] = []


class _RawEvent(Struct, frozen=True, kw_only=True):
    type: str
    object: msgspec.Raw


class _Named(Struct, frozen=True, kw_only=True):
    metadata: Metadata


class _Versioned(Struct, frozen=True, kw_only=True):
    metadata: _ListMetadata


def decode_page(data: bytes, kind: type[Kind]) -> Page[Kind]:
    """Decode a page of a list. An object that is not valid does not hide the others.

    Raises:
        DecodeError: it is not a list.
    """
    page = decode_json(data, _RawList)
    items: list[Kind] = []
    malformed: list[MalformedObject] = []
    for raw in page.items:
        item = _decode_item(bytes(raw), kind)
        if isinstance(item, MalformedObject):
            malformed.append(item)
        else:
            items.append(item)
    return Page(items=items, malformed=malformed, version=page.metadata.resource_version, next=page.metadata.next)


def decode_event(line: bytes, kind: type[Kind]) -> WatchEvent[Kind]:
    """Decode an event of a watch.

    Raises:
        DecodeError: it is not an event.
    """
    event = decode_json(line, _RawEvent)
    data = bytes(event.object)
    if event.type == "ERROR":
        return WatchEvent(type=event.type, status=data)
    try:
        version = decode_json(data, _Versioned).metadata.resource_version
    except DecodeError:
        version = ""
    if event.type == "BOOKMARK":
        return WatchEvent(type=event.type, version=version)
    item = _decode_item(data, kind)
    if isinstance(item, MalformedObject):
        return WatchEvent(type=event.type, malformed=item, version=version)
    return WatchEvent(type=event.type, item=item, version=version)


def _decode_item(data: bytes, kind: type[Kind]) -> Kind | MalformedObject:
    try:
        return decode_json(data, kind)
    except DecodeError as exc:
        error = exc
    try:
        metadata = decode_json(data, _Named).metadata
    except DecodeError:
        return MalformedObject(kind=kind.kind, name="", namespace="", error=error)
    return MalformedObject(kind=kind.kind, name=metadata.name, namespace=metadata.namespace, error=error)
