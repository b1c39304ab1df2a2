"""Writes data as text: `-o json`, `yaml` and `plain` of the subcommands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kaito.console.width import pad, width
from kaito.util.sanitize import one_line, sanitize


def as_json(data: Any, *, in_stream: bool = False) -> str:
    """Return a JSON document in ASCII, so that no name or message can affect a terminal.

    Args:
        in_stream: whether it is one of many, each on a line.
    """
    return json.dumps(data, indent=None if in_stream else 2, allow_nan=False) + "\n"


def as_yaml(data: Any, *, in_stream: bool = False) -> str:
    """Return a YAML document in ASCII.

    Args:
        in_stream: whether it is one of many: it then begins with `---`.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes a text of several lines as such."""

        def represent_text(self, text: str) -> yaml.ScalarNode:
            style = "|" if "\n" in text and text.replace("\n", "").isprintable() and text.isascii() else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, explicit_start=in_stream))


def as_plain(data: Any) -> str:
    """Return text for people: a line for each value of a mapping, a table for a list of mappings."""
    if isinstance(data, Mapping):
        return "".join(f"{one_line(str(name))}: {_cell(value)}\n" for name, value in data.items())
    if not isinstance(data, Sequence) or isinstance(data, str):
        return sanitize(_text(data)) + "\n"
    if data and all(isinstance(entry, Mapping) for entry in data):
        return table(list(dict.fromkeys(name for entry in data for name in entry)), data)
    return "".join(f"{_cell(value)}\n" for value in data)


def table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table with a header, as wide as its longest cells."""
    cells = [[one_line(name).upper().replace("_", " ") for name in names]]
    cells += [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(width(line[column]) for line in cells) for column in range(len(names))]
    return "".join("   ".join(map(pad, line, widths)).rstrip() + "\n" for line in cells)


def _cell(value: Any) -> str:
    return one_line(_text(value))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
