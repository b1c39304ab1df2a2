"""Hypothesis strategies for hostile JSON: valid documents, changed at random in shape, type and depth."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

#: Stands for a value that is nested more deeply than any parser accepts.
_DEEP = "@deep@"

#: What a broken server sends in place of a value.
REPLACEMENTS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**70,
    1e300,
    1.5,
    "",
    "abc",
    "x" * 300,
    "\x1b[31m",
    _DEEP,
    [],
    [None],
    [[]],
    ["a"],
    {},
    {"": None},
    {"name": 5},
    [{"name": []}],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a document."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*path, index))


def replaced(document: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Return a copy of a document with one value changed."""
    if not path:
        return change(document)
    document = copy.copy(document)
    document[path[0]] = replaced(document[path[0]], path[1:], change)
    return document


@st.composite
def mutated(draw: st.DrawFn, *documents: Any) -> Any:
    """Return one of the documents with some of its values replaced or removed."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([*places(document)]))
        if path and draw(st.booleans()):
            removed = path[-1]

            def remove(parent: Any, key: Any = removed) -> Any:
                if isinstance(parent, dict):
                    return {name: value for name, value in parent.items() if name != key}
                return [value for index, value in enumerate(parent) if index != key]

            document = replaced(document, path[:-1], remove)
        else:
            value = draw(st.sampled_from(REPLACEMENTS) | st.text(max_size=5) | st.integers())

            def replace(_: Any, new: Any = value) -> Any:
                return new

            document = replaced(document, path, replace)
    return document


@st.composite
def mutated_json(draw: st.DrawFn, *documents: Any) -> bytes:
    """Return a mutated document as JSON, sometimes cut or with a byte that is not UTF-8."""
    text = json.dumps(draw(mutated(*documents))).replace(json.dumps(_DEEP), "[" * 3000 + "]" * 3000).encode()
    match draw(st.integers(0, 9)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            place = draw(st.integers(0, len(text)))
            return text[:place] + b"\xff" + text[place:]
    return text
