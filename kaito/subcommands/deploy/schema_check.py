"""Checks an object against the schema of its kind, so that an error can name the field and its flag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from kaito.subcommands.deploy.served_schema import Definition, Schema

#: The most references that are followed from one schema to the next, as they may be circular.
_DEEPEST = 20
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


class Fault(Struct, frozen=True):
    """What is wrong with a field."""

    #: Such as `inference.adapters[0].strength`.
    field: str
    #: Continues a sentence, such as `does not exist`.
    reason: str


def faults(item: Mapping[str, Any], definition: Definition) -> list[Fault]:
    """Return what is wrong with an object; nothing without a schema."""
    if definition.schema is None:
        return []
    return list(_Check(definition.others).check(item, definition.schema, ""))


class _Check:
    def __init__(self, others: Mapping[str, Schema]) -> None:
        self._others = others

    def check(self, value: Any, schema: Schema, field: str) -> Iterator[Fault]:
        """Yield what is wrong with a value, and with those in it."""
        parts = list(self._parts(schema))
        for part in parts:
            yield from _own_faults(value, part, field)
        if isinstance(value, Mapping):
            for name, each in value.items():
                yield from self._property(name, each, parts, f"{field}.{name}" if field else name)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                for part in parts:
                    if part.items is not None:
                        yield from self.check(each, part.items, f"{field}[{index}]")

    def _property(self, name: str, value: Any, parts: Sequence[Schema], field: str) -> Iterator[Fault]:
        known = [part.properties[name] for part in parts if name in part.properties]
        known += [part.additional for part in parts if isinstance(part.additional, Schema) and not known]
        for schema in known:
            yield from self.check(value, schema, field)
        # A schema without fields, such as that of a pod template, allows all.
        is_open = any(part.open or part.additional is True for part in parts) or not any(p.properties for p in parts)
        if not known and not is_open:
            yield Fault(field, "does not exist")

    def _parts(self, schema: Schema, depth: int = 0) -> Iterator[Schema]:
        """Yield a schema and all others that apply with it."""
        if depth > _DEEPEST:
            return
        yield schema
        for each in schema.all_of:
            yield from self._parts(each, depth + 1)
        other = self._others.get(schema.reference.rpartition("/")[2])
        if other is not None:
            yield from self._parts(other, depth + 1)


def _own_faults(value: Any, schema: Schema, field: str) -> Iterator[Fault]:
    """Yield what is wrong with a value, but not with those in it."""
    expected = _TYPES.get(schema.type)
    # In Python, a bool is an int.
    if expected is not None and (not isinstance(value, expected) or isinstance(value, bool) != (expected is bool)):
        yield Fault(field, f"is not of type {schema.type}")
        return
    if schema.enum and value not in schema.enum:
        yield Fault(field, f"is not one of {', '.join(map(str, schema.enum))}")
    if isinstance(value, int | float):
        if schema.minimum is not None and value < schema.minimum:
            yield Fault(field, f"is less than {schema.minimum:g}")
        if schema.maximum is not None and value > schema.maximum:
            yield Fault(field, f"is more than {schema.maximum:g}")
    if isinstance(value, str) and schema.max_length is not None and len(value) > schema.max_length:
        yield Fault(field, f"has more than {schema.max_length} characters")
    if isinstance(value, list):
        if schema.min_items is not None and len(value) < schema.min_items:
            yield Fault(field, f"has fewer than {schema.min_items} entries")
        if schema.max_items is not None and len(value) > schema.max_items:
            yield Fault(field, f"has more than {schema.max_items} entries")
    if isinstance(value, Mapping):
        for name in schema.required:
            if name not in value:
                yield Fault(f"{field}.{name}" if field else name, "is missing")
