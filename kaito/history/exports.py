"""Exports of conversations: Markdown and HTML for people, and JSON that `--load` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kaito.chat.transcripts import written_message
from kaito.errors import KaitoError, UsageError
from kaito.history.exported_conversation import SPEAKERS, Export
from kaito.types.conversations import ConversationInfo
from kaito.util.fenced_code import open_fence
from kaito.util.markdown_headings import lowered
from kaito.util.safe_files import UnreadableError, read_text, replace_file
from kaito.util.sanitize import one_line, sanitize

#: The formats, by file name extension.
_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
#: The identifier of an exported conversation is within this many bytes from the beginning of the file.
_HEAD = 4096
#: The most bytes of an existing file that is compared before it is replaced.
_READABLE = 256 * 1024 * 1024


def iso_time(seconds: float) -> str | None:
    """Return a time, in seconds since 1970, as ISO 8601 in UTC; `None` if it is out of range."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    except (OSError, OverflowError, ValueError):
        return None


def export_format(path: Path) -> str | None:
    """Return the format for the extension of a file's name; `None` for any other extension."""
    return _SUFFIXES.get(path.suffix.lower())


def as_markdown(export: Export) -> str:
    """Return a conversation as a Markdown document."""
    lines = [f"# {one_line(export.title)}", ""]
    lines += [f"- {name}: {one_line(value)}" for name, value in export.details]
    lines += [f"- {export.mark}"] if export.mark else []
    for message in export.messages:
        text = sanitize(message.shown).strip("\n")
        # The code block of an answer that was cut would swallow the rest of the document.
        fence = open_fence(text)
        lines += ["", f"## {SPEAKERS[message.role]}", "", lowered(text, 3), *([fence] if fence else [])]
    return "\n".join(lines) + "\n"


def as_data(export: Export) -> dict[str, Any]:
    """Return a conversation as data, which `--load` reads."""
    from msgspec import to_builtins

    info = export.info
    known = info_data(info) if info is not None else {name.lower(): value for name, value in export.details}
    messages = to_builtins([written_message(message) for message in export.messages])
    return {"id": export.id, "title": export.title, **known, "messages": messages}


def info_data(info: ConversationInfo) -> dict[str, Any]:
    """Return the metadata of a conversation as data, without the hash of its server."""
    origin = info.origin
    return {
        "id": info.id,
        "title": info.title,
        "created": iso_time(info.created),
        "updated": iso_time(info.updated),
        "turns": info.turns,
        "source": info.source,
        "workspace": origin.workspace,
        "kind": origin.kind or None,
        "namespace": origin.namespace,
        "context": origin.context,
        "endpoint": origin.endpoint,
        "backend": origin.backend,
        "model": origin.model,
        "parent": info.parent,
    }


def as_json_text(export: Export) -> str:
    """Return a conversation as a JSON document."""
    import json

    return json.dumps(as_data(export), indent=2, allow_nan=False) + "\n"


def exported(export: Export, format: str) -> str:
    """Return a conversation as `markdown`, `html` or `json`."""
    from kaito.history.html_export import as_html

    formats: Mapping[str, Callable[[Export], str]] = {
        "markdown": as_markdown,
        "html": as_html,
        "json": as_json_text,
    }
    return formats[format](export)


def write_export(path: Path, export: Export, format: str | None = None, *, force: bool = False) -> None:
    """Write a conversation to a file, readable by its user alone.

    Args:
        path: an existing file is replaced if it is empty, or an earlier export of the same conversation.
        format: `markdown`, `html` or `json`; by default the one for the file's extension.
        force: replace any regular file.

    Raises:
        UsageError: the file's name has another extension.
        KaitoError: the file cannot be written, or an existing one is not replaced.
    """
    format = format or export_format(path)
    if format is None:
        raise UsageError(f"'{path}' does not end with .md, .html or .json")
    try:
        if path.exists() and not (path.is_file() and (force or path.stat().st_size == 0)):
            _check_replaceable(path, export)
        replace_file(path, exported(export, format).encode("utf-8", "replace"))
    except (OSError, ValueError) as exc:
        raise KaitoError(f"Cannot write '{path}': {getattr(exc, 'strerror', None) or exc}") from None


def _check_replaceable(path: Path, export: Export) -> None:
    if not path.is_file():
        raise KaitoError(f"'{path}' exists and is not replaced: not a regular file")
    try:
        head = read_text(path, _READABLE)[:_HEAD]
    except UnreadableError:
        head = ""
    if export.id is None or not any(mark in head for mark in (export.mark, f'"id": "{export.id}"')):
        raise KaitoError(f"'{path}' exists and is not replaced: it is not an export of this conversation", _FORCE)


_FORCE = "With --force, it is replaced"
