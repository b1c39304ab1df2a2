"""Compares an object with its new version, as a unified diff of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

import yaml

#: Metadata that the API server writes.
_OWN = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})


def without_server_fields(item: Mapping[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """Return an object without what the API server and the controllers write.

    Args:
        whole: whether all of these fields are left out, and not only `managedFields`.
    """
    left_out = _OWN if whole else {"managedFields"}
    kept = {name: value for name, value in item.items() if name != "status" or not whole}
    metadata = kept.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = {name: value for name, value in metadata.items() if name not in left_out}
    return kept


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any], name: str) -> str:
    """Return the difference; `""` when there is none.

    Args:
        old: `None` for an object that does not exist yet.
        name: of the object, in the header.
    """
    before = [] if old is None else _lines(old)
    return "".join(unified_diff(before, _lines(new), f"{name} (in the cluster)", f"{name} (applied)"))


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as a block, so that the lines are compared one by one."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def _lines(item: Mapping[str, Any]) -> list[str]:
    text = yaml.dump(without_server_fields(item), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=1000)
    return str(text).splitlines(keepends=True)
