"""Reads the first document of a YAML file as kubectl does, with bounds on its depth and size.

kubectl's reader is go-yaml 2, which knows YAML 1.1 (https://yaml.org/spec/1.1) without dates and sexagesimal numbers.
It turns the document into JSON, so that keys are strings.
"""

from __future__ import annotations

import binascii
import codecs
import math
import re
from typing import Any, TypeVar

import yaml

from kaito.util.decoding import DecodeError, convert
from kaito.util.limits import CONFIG_FILE

T = TypeVar("T")

#: Levels of nesting. A kubeconfig needs nine.
_DEPTH = 200
#: Nodes of a document, and the characters of all its scalars, where an alias counts as much as its anchor.
_NODES = 200_000
_CHARACTERS = 2 * CONFIG_FILE
#: `%TAG` lines, which libyaml compares with each other.
_TAG_LINES = 100

# libyaml's parser is ten times as fast as PyYAML's own.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CORE = "tag:yaml.org,2002:"
_WORDS: dict[str, object] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_BASES = (16, 8, 2, 10)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
#: A longer number is text.
_LONGEST_NUMBER = 400

_KINDS: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "null": type(None),
    "timestamp": str,
}


class YamlError(ValueError):
    """The file is not read. The message continues a sentence, such as `is not valid YAML (line 3)`."""


class _Node:
    """A value, with the size that it has where it is used."""

    __slots__ = ("anchor", "characters", "is_merge", "key", "nodes", "value")

    def __init__(self, value: Any, characters: int = 0, anchor: str | None = None) -> None:
        self.value = value
        self.nodes = 1
        self.characters = characters
        self.anchor = anchor
        #: The key whose value comes next, if this is a mapping.
        self.key: _Node | None = None
        #: Whether it is the key `<<`.
        self.is_merge = False

    def add(self, other: _Node) -> None:
        self.nodes += other.nodes
        self.characters += other.characters
        if self.nodes > _NODES or self.characters > _CHARACTERS:
            raise YamlError("has too many values, counting those that aliases repeat")


def read_yaml(data: bytes) -> Any:
    """Return the first document. A key without a value, or with `null`, is left out.

    Raises:
        YamlError: it is not YAML or not text, is nested too deeply, or has too many parts.
    """
    text = _decode(data)
    if text.count("%TAG") > _TAG_LINES:
        raise YamlError("has too many %TAG lines")
    loader = None
    try:
        loader = _Loader(text)
        return _read_document(loader)
    except yaml.YAMLError as exc:
        # PyYAML's message quotes the file, which may hold secrets.
        mark = getattr(exc, "problem_mark", None)
        raise YamlError("is not valid YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    finally:
        if loader is not None:
            loader.dispose()


def decode_yaml(data: bytes, type: type[T]) -> T:
    """Decode the first document of YAML from outside into a type that declares the fields that are used.

    Args:
        data: of a size that its reader has limited.
        type: such as a `msgspec.Struct`. Fields that it does not have are ignored, and `null` counts as absent.

    Raises:
        ValueError: it is not YAML, is nested too deeply, has too many parts, or has another type. The message says
            where and why, and never quotes the data.
    """
    try:
        document = read_yaml(data)
    except YamlError as exc:
        raise DecodeError(f"it {exc}") from None
    return convert(document, type)


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name, encoding = "UTF-16", "utf-16"
    else:
        name, encoding = "UTF-8", "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise YamlError(f"is not {name} text") from None


def _read_document(loader: Any) -> Any:
    anchors: dict[str, _Node] = {}
    open_nodes: list[_Node] = []
    while True:
        event = loader.get_event()
        match event:
            case yaml.ScalarEvent():
                node = _scalar(event)
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    raise _error(event, "uses an anchor that is not defined, or that contains itself")
                node = anchors[event.anchor]
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(open_nodes) == _DEPTH:
                    raise _error(event, "is nested too deeply")
                if event.anchor is not None:
                    anchors.pop(event.anchor, None)
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                open_nodes.append(_Node({} if is_mapping else [], anchor=event.anchor))
                continue
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                node = open_nodes.pop()
            case yaml.DocumentStartEvent():
                if event.version not in (None, (1, 1)):
                    raise _error(event, "has another version of YAML than 1.1")
                continue
            case yaml.StreamEndEvent():
                return None
            case _:
                continue
        if node.anchor is not None:
            anchors[node.anchor] = node
        if not open_nodes:
            # What follows in the file is not read.
            return node.value
        _insert(open_nodes[-1], node, event)


def _insert(parent: _Node, node: _Node, event: Any) -> None:
    """Add an item, a key, or the value of the last key."""
    parent.add(node)
    if isinstance(parent.value, list):
        parent.value.append(node.value)
    elif parent.key is None:
        parent.key = node
    else:
        key, parent.key = parent.key, None
        if key.is_merge:
            _merge(parent.value, node.value, event)
        elif node.value is None:
            parent.value.pop(_key(key.value, event), None)
        else:
            parent.value[_key(key.value, event)] = node.value


def _merge(target: dict[str, Any], source: Any, event: Any) -> None:
    sources = source if isinstance(source, list) else [source]
    if not all(isinstance(one, dict) for one in sources):
        raise _error(event, "merges what is not a mapping")
    # The first one of several wins.
    for one in reversed(sources):
        target.update(one)


def _key(value: Any, event: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
    raise _error(event, "has a key that is not text")


def _scalar(event: Any) -> _Node:
    value, tag = event.value, event.tag
    node = _Node(value, len(value), event.anchor)
    # `implicit` is whether a plain scalar, and one in another style, needs no tag.
    plain = event.implicit[0]
    node.is_merge = value == "<<" and (plain or tag == f"{_CORE}merge")
    if tag is None or tag == "!":
        if plain:
            node.value = _resolve(value)
    elif tag.startswith(_CORE):
        node.value = _tagged(value, tag.removeprefix(_CORE), event)
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise _error(event, "has a number that is not finite")
    return node


def _tagged(value: str, kind: str, event: Any) -> Any:
    if kind == "binary":
        try:
            return binascii.a2b_base64(value.encode()).decode()
        except ValueError:
            raise _error(event, "has a !!binary value that is not base64 of text") from None
    if kind not in _KINDS:
        return value
    resolved = _resolve(value)
    if kind == "float" and isinstance(resolved, int) and not isinstance(resolved, bool):
        return float(resolved)
    if not isinstance(resolved, _KINDS[kind]) or (isinstance(resolved, bool) and kind != "bool"):
        raise _error(event, f"has a value that is not of its type !!{kind}")
    return resolved


def _resolve(value: str) -> Any:
    """Return what a plain scalar stands for."""
    if value in _WORDS:
        return _WORDS[value]
    if value[0] not in "0123456789+-." or len(value) > _LONGEST_NUMBER:
        return value
    number = value if value[0] == "." else value.replace("_", "")
    if match := _INTEGER.fullmatch(number):
        sign, *groups = match.groups()
        digits, base = next((digits, base) for digits, base in zip(groups, _BASES, strict=True) if digits is not None)
        integer = int(digits, base) * (-1 if sign == "-" else 1)
        if -(2**63) <= integer < 2**64:
            return integer
    if _FLOAT.fullmatch(number) and math.isfinite(result := float(number)):
        return result
    return value


def _error(event: Any, reason: str) -> YamlError:
    return YamlError(f"{reason} (line {event.start_mark.line + 1})")
