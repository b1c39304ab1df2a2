"""Rows of the history as types. The file may have been edited, so rows are decoded as data from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from kaito.types import Message
from kaito.types.conversations import ConversationInfo, Origin, Source
from kaito.util import limits
from kaito.util.decoding import DecodeError, convert, decode_json

#: The columns of a conversation, in the order of :class:`_Row`.
COLUMNS = (
    "id, title, created, updated, source, turns, parent, workspace, kind, namespace, context, server, label, endpoint, "
    "backend, kubeconfig, model, system, cut, revision"
)
#: The most characters of a title.
LONGEST_TITLE = 80
_NO_MESSAGE = "(no text)"


class _Row(Struct, frozen=True):
    """One row of the table `conversation`."""

    id: str
    title: str
    created: float
    updated: float
    source: Source
    turns: int
    parent: str | None
    workspace: str | None
    kind: str
    namespace: str | None
    context: str | None
    server: str
    label: str
    endpoint: str | None
    backend: str | None
    kubeconfig: str | None
    model: str | None
    system: str | None
    cut: int
    revision: int


class Record(Struct, frozen=True):
    """A row of the table `conversation`: the conversation without its turns."""

    info: ConversationInfo
    system: str | None
    cut: bool
    revision: int


def decode_record(row: Sequence[Any]) -> Record:
    """Return the record of a row with :data:`COLUMNS`.

    Raises:
        DecodeError: it has other types than this version writes.
    """
    values = dict(zip(_Row.__struct_fields__, row, strict=True))
    data = convert(values, _Row, keep_nulls=True)
    shown = limits.SHOWN_NAME
    origin = Origin(
        workspace=data.workspace,
        kind=data.kind,
        namespace=data.namespace,
        context=data.context,
        server=data.server,
        label=data.label[:shown],
        endpoint=data.endpoint,
        backend=data.backend,
        kubeconfig=data.kubeconfig,
        model=data.model[:shown] if data.model is not None else None,
    )
    info = ConversationInfo(
        id=data.id,
        title=data.title[:shown],
        created=data.created,
        updated=data.updated,
        turns=data.turns,
        source=data.source,
        origin=origin,
        parent=data.parent,
    )
    return Record(info, data.system, bool(data.cut), data.revision)


def columns_of(record: Record) -> tuple[Any, ...]:
    """Return the values of :data:`COLUMNS`."""
    info = record.info
    system = storable(record.system) if record.system is not None else None
    return (
        *(info.id, storable(info.title), info.created, info.updated, info.source, info.turns, info.parent),
        *_origin_columns(info.origin),
        *(system, int(record.cut), record.revision),
    )


@lru_cache(maxsize=16)  # all conversations of a script have the same
def _origin_columns(origin: Origin) -> tuple[str | None, ...]:
    values = (
        *(origin.workspace, origin.kind, origin.namespace, origin.context, origin.server, origin.label),
        *(origin.endpoint, origin.backend, origin.kubeconfig, origin.model),
    )
    return tuple(storable(value) if value is not None else None for value in values)


def encode_turn(messages: Sequence[Message]) -> bytes:
    """Return the messages of a turn as the file has them."""
    try:
        return msgspec.json.encode(messages)
    except UnicodeEncodeError:
        return msgspec.json.encode([message.replace(content=storable(message.content)) for message in messages])


def decode_turn(data: Any) -> list[Message]:
    """Return the messages of a turn.

    Raises:
        DecodeError: they are not as this version writes them.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if not isinstance(data, bytes):
        raise DecodeError("expected bytes", "messages")
    return decode_json(data, list[Message])


def searchable(messages: Iterable[Message]) -> str:
    """Return the text of a turn that is searched."""
    return storable("\n".join(message.shown for message in messages))


def title_of(messages: Sequence[Message]) -> str:
    """Return the title of a conversation: the first line of its first message, shortened."""
    text = messages[0].shown if messages else ""
    line = next((line for line in text.splitlines() if line.strip()), _NO_MESSAGE)
    return shortened(line)


def shortened(title: str) -> str:
    """Return a title as one line of at most :data:`LONGEST_TITLE` characters."""
    line = " ".join(storable(title).split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


def storable(text: str) -> str:
    """Return text that SQLite can store: without NUL, at which its functions end a text, and lone surrogates."""
    if text.isascii():
        return text.replace("\0", " ") if "\0" in text else text
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
