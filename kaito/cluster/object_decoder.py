"""Decodes what the API server sends: objects, pages of lists, and events of watches. No I/O."""

from __future__ import annotations

from typing import Generic

import msgspec
from msgspec import Struct

from kaito.cluster.kinds import Kind, Metadata
from kaito.util.decoding import DecodeError, array_elements, check_values, decode_expected, decode_json
from kaito.util.limits import API_LIST_ITEMS, SHOWN_NAME

#: The most times that `metadata` may occur in a page. Each object has it at least once.
_MOST_OBJECTS = 4 * API_LIST_ITEMS
#: The most malformed objects that are named, and the most further ones that a list may have.
_MOST_NAMED = 20
_MOST_MALFORMED = 1_000


class MalformedObject(Struct, frozen=True, kw_only=True):
    """An object of a list or a watch that cannot be decoded."""

    kind: str
    #: `""` if its metadata cannot be decoded either.
    name: str
    namespace: str
    reason: str

    @property
    def key(self) -> str:
        """See :attr:`~kaito.cluster.kinds.KubernetesObject.key`."""
        return f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        name = f"{self.kind} '{self.name[:SHOWN_NAME]}'" if self.name else f"A {self.kind} without a valid name"
        namespace = f" in namespace '{self.namespace[:SHOWN_NAME]}'" if self.namespace else ""
        return f"{name}{namespace} is left out, as it is not valid: {self.reason}"


class Page(Struct, Generic[Kind], frozen=True, kw_only=True):
    """A page of a list."""

    items: list[Kind]
    #: The first objects that are not valid, and the number of further ones.
    malformed: list[MalformedObject]
    unnamed: int
    #: The resource version of the list.
    version: str
    #: The token for the next page; `""` on the last one.
    next: str


class WatchEvent(Struct, Generic[Kind], frozen=True, kw_only=True):
    """An event of a watch. Unless it is an error or a bookmark, it has an object, or the reason why that is missing."""

    #: `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    type: str
    item: Kind | None = None
    malformed: MalformedObject | None = None
    #: The resource version to continue from; `""` if it cannot be decoded.
    version: str = ""
    #: For `ERROR`: a `Status` as JSON.
    status: bytes = b""


class _ListMetadata(Struct, frozen=True, kw_only=True, rename="camel"):
    next: str = msgspec.field(default="", name="continue")
    resource_version: str = ""


_NULL = msgspec.Raw(b"null")


class _List(Struct, Generic[Kind], frozen=True, kw_only=True):
    metadata: _ListMetadata = _ListMetadata()
    items: list[Kind]


class _RawList(Struct, frozen=True, kw_only=True):
    metadata: msgspec.Raw = _NULL
    items: msgspec.Raw


class _RawEvent(Struct, frozen=True, kw_only=True):
    type: str
    object: msgspec.Raw


class _Named(Struct, frozen=True, kw_only=True):
    metadata: Metadata


class _Versioned(Struct, frozen=True, kw_only=True):
    metadata: _ListMetadata


def decode_page(data: bytes, kind: type[Kind]) -> Page[Kind]:
    """Decode a page of a list. An object that is not valid does not affect the others.

    Raises:
        DecodeError: it is not a list.
    """
    check_values(data)
    # Each object has this at least once.
    if data.count(b'"metadata"') > _MOST_OBJECTS:
        raise DecodeError("it has too many objects", "items")
    # Nearly always, all objects are valid.
    if (listed := decode_expected(data, _List[kind])) is not None:  # type: ignore[valid-type]
        if len(listed.items) > API_LIST_ITEMS:
            raise DecodeError("it has too many objects", "items")
        metadata = listed.metadata
        return Page(items=listed.items, malformed=[], unnamed=0, version=metadata.resource_version, next=metadata.next)
    page = decode_json(data, _RawList, dense=True)  # checked above
    metadata = _ListMetadata() if page.metadata == _NULL else decode_json(bytes(page.metadata), _ListMetadata)
    elements = iter(()) if page.items == _NULL else array_elements(bytes(page.items))
    items: list[Kind] = []
    malformed: list[MalformedObject] = []
    unnamed = 0
    for count, element in enumerate(elements):
        if count >= API_LIST_ITEMS:
            raise DecodeError("it has too many objects", "items")
        if element == b"null":
            continue
        item = _decode_item(element, kind)
        if not isinstance(item, MalformedObject):
            items.append(item)
        elif len(malformed) < _MOST_NAMED:
            malformed.append(item)
        else:
            unnamed += 1
            if unnamed > _MOST_MALFORMED:
                raise DecodeError("most of its objects are not valid", "items")
    return Page(
        items=items, malformed=malformed, unnamed=unnamed, version=metadata.resource_version, next=metadata.next
    )


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
        reason = str(exc)
    try:
        metadata = decode_json(data, _Named).metadata
    except DecodeError:
        return MalformedObject(kind=kind.kind, name="", namespace="", reason=reason)
    return MalformedObject(kind=kind.kind, name=metadata.name, namespace=metadata.namespace, reason=reason)
