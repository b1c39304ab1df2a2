"""Joins the fragments in which servers stream tool calls.

Format: https://platform.openai.com/docs/guides/function-calling#streaming. Servers differ in what tells the calls
apart: most number them, some number all of them 0 with an `id` each, some number none.
"""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec import Struct, field

from kaito.openai.broken_characters import CharacterJoiner
from kaito.types import ToolCall
from kaito.util import limits


class _Call(Struct):
    """A call, as far as it has arrived."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    #: At the end of the arguments so far: how many objects and lists are open, and whether a string is.
    depth: int = 0
    quoted: bool = False
    #: Whether the next character is escaped.
    escaped: bool = False

    def add(self, arguments: str) -> None:
        """Append a piece of the arguments."""
        marks = _MARKS.findall("\\" * self.escaped + arguments)
        self.escaped = marks[-1:] == ["\\"]
        for mark in marks:
            if mark == '"':
                self.quoted = not self.quoted
            elif not self.quoted and mark in "{[":
                self.depth += 1
            elif not self.quoted and mark in "}]":
                self.depth -= 1
        self.pieces.append(arguments)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are a complete object, to which nothing can be added."""
        return bool(self.pieces) and self.depth <= 0 and not self.quoted


#: Quotes, brackets and braces, and a backslash with the character after it, if that has arrived.
_MARKS = re.compile(r"""\\.|\\|["{}\[\]]""", re.DOTALL)


class ToolCallJoiner:
    """Joins the calls of one answer.

    Attributes:
        too_large: whether they exceed their limits; nothing is added any more.
    """

    def __init__(self) -> None:
        self.too_large = False
        self._calls: list[_Call] = []
        self._numbered: dict[int, _Call] = {}
        self._size = 0

    def add(self, fragments: bytes) -> None:
        """Add the value of one `tool_calls`. Values that are not fragments are ignored.

        Args:
            fragments: valid JSON.
        """
        self._count(len(fragments))
        if self.too_large:
            return
        try:
            values = json.loads(fragments)
        except (ValueError, RecursionError):
            return
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, dict) and not self.too_large:
                self._add(value)

    def calls(self) -> tuple[ToolCall, ...]:
        """Return the calls. A call without a name cannot be made and is left out."""
        return tuple(
            ToolCall(id=_whole(call.id), name=_whole(call.name), arguments=_whole("".join(call.pieces)))
            for call in self._calls
            if call.name.strip()
        )

    def _count(self, size: int) -> None:
        self._size += size
        self.too_large = self.too_large or self._size > limits.TOOL_CALL_BYTES or len(self._calls) > limits.TOOL_CALLS

    def _add(self, fragment: dict[str, Any]) -> None:
        # Some servers leave out the object around the name and the arguments.
        function = fragment.get("function")
        if not isinstance(function, dict):
            function = fragment
        name, arguments = _text(function.get("name")), _arguments(function.get("arguments"))
        identity = _text(fragment.get("id"))
        index = fragment.get("index")
        index = index if isinstance(index, int) and not isinstance(index, bool) else None
        call = self._found(index, identity, name, arguments)
        if call is None:
            call = _Call()
            self._calls.append(call)
            self._count(0)
        if index is not None:
            self._numbered[index] = call
        call.id = call.id or identity
        if name.startswith(call.name):
            call.name = name  # also one that is repeated
        else:
            call.name += name
        if arguments:
            call.add(arguments)

    def _found(self, index: int | None, identity: str, name: str, arguments: str) -> _Call | None:
        """Return the call that a fragment continues; `None` if it begins a new one."""
        if index is None:
            same = [call for call in self._calls if call.id == identity] if identity else []
            return same[0] if same else self._calls[-1] if self._calls and not name else None
        call = self._numbered.get(index)
        if call is None or not name or not call.name:
            return call
        if identity and call.id:
            return call if identity == call.id else None
        return None if not identity and arguments and call.is_complete else call


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """Return arguments as text. Some servers send them as an object."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return _text(value)


def _whole(text: str) -> str:
    """Join the halves of split characters in a text."""
    joiner = CharacterJoiner()
    return joiner.feed(text) + joiner.finish()
