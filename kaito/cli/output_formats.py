"""Writes data as text: `-o json`, `yaml` and `plain` of the subcommands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kaito.console.columns import Page, TextTable
from kaito.console.wrapping import broken
from kaito.types import Column
from kaito.util.sanitize import one_line, sanitize

#: The fewest columns of a shortened cell, and the indentation of the rest of a long line.
_LEAST, _HANG = 12, 4


def as_json(data: Any, *, in_stream: bool = False) -> str:
    """Return a JSON document in ASCII, so that no name or message can affect a terminal.

    Args:
        in_stream: whether it is one of several, each on a line of its own.
    """
    return json.dumps(data, indent=None if in_stream else 2, allow_nan=False) + "\n"


def as_yaml(data: Any, *, in_stream: bool = False) -> str:
    """Return a YAML document in ASCII.

    Args:
        in_stream: whether it is one of several: it then begins with `---`.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes a text of several lines as a block."""

        def represent_text(self, text: str) -> yaml.ScalarNode:
            style = "|" if "\n" in text and text.replace("\n", "").isprintable() and text.isascii() else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, explicit_start=in_stream))


def as_plain(data: Any, page: Page, *, keeps_all: bool) -> tuple[str, str]:
    """Return text for people, and a remark on what does not fit: see :class:`~kaito.console.columns.TextTable`.

    It is a line for each value of a mapping, and a table for a list of mappings.

    Args:
        keeps_all: whether nothing may be left out, as the command has no `-o wide`.
    """
    if isinstance(data, Mapping):
        return _lines((f"{one_line(str(name))}: {_cell(value)}" for name, value in data.items()), page), ""
    if not isinstance(data, Sequence) or isinstance(data, str):
        return sanitize(_text(data)) + "\n", ""
    if not (data and all(isinstance(entry, Mapping) for entry in data)):
        return _lines(map(_cell, data), page), ""
    names = list(dict.fromkeys(name for entry in data for name in entry))
    table = TextTable(_columns(names, None if keeps_all else _LEAST), page, keeps_all=keeps_all)
    return table.add([[_cell(entry.get(name)) for name in names] for entry in data]), table.remark


def _columns(names: Sequence[Any], least: int | None) -> list[Column]:
    # The first columns matter most.
    return [
        Column(title=str(name).upper().replace("_", " "), rank=rank, least=least) for rank, name in enumerate(names)
    ]


def _lines(lines: Iterable[str], page: Page) -> str:
    window = page.window() if page.window is not None else None
    parts = ([line] if window is None else broken(line, window, _HANG) for line in lines)
    return "".join(f"{part}\n" for line in parts for part in line)


def _cell(value: Any) -> str:
    return one_line(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
