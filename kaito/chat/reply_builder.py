"""Assembles a reply from streamed deltas and records its timings."""

from __future__ import annotations

from collections.abc import Callable

from kaito.openai.reasoning_tags import split_orphan
from kaito.types import Delta, Reply

#: Pieces that arrive within this many seconds after the first one were sent together with it.
_BURST = 0.02
#: After this many pieces they are joined, because each small string takes many times its size.
_JOINED = 256


class ReplyBuilder:
    """Assembles one reply. Create it when the request is sent.

    Args:
        clock: returns seconds that never go back.
        line: the number of the script's line that asks for it.
    """

    def __init__(self, clock: Callable[[], float], line: int | None = None) -> None:
        self._line = line
        self._content = _Text()
        self._reasoning = _Text()
        self._last = Delta()
        self._clock = clock
        self._started = clock()
        self._first: float | None = None
        # The pieces that were sent with the first one: when the last arrived, their characters, whether more follow.
        self._burst_end = 0.0
        self._burst = 0
        self._bursting = True

    @property
    def begun(self) -> bool:
        """Whether content or reasoning has arrived."""
        return self._first is not None

    def add(self, delta: Delta) -> None:
        """Add the next piece."""
        if delta.content:
            self._content.add(delta.content)
        if delta.reasoning:
            self._reasoning.add(delta.reasoning)
        if self._bursting and (delta.content or delta.reasoning):
            self._measure(delta)
        last = self._last
        last.model = delta.model or last.model
        last.finish_reason = delta.finish_reason or last.finish_reason
        last.usage = delta.usage or last.usage
        if delta.tool_calls:
            last.tool_calls = delta.tool_calls

    def reply(self) -> Reply:
        """Return the reply, or the part of it that has arrived."""
        last, now = self._last, self._clock()
        thoughts, content = split_orphan(self._content.text)
        size = self._content.size + self._reasoning.size
        return Reply(
            content=content,
            reasoning=self._reasoning.text + thoughts,
            tool_calls=last.tool_calls,
            model=last.model,
            finish_reason=last.finish_reason,
            usage=last.usage,
            first_token_s=None if self._first is None else self._first - self._started,
            total_s=now - self._started,
            later_share=(size - self._burst) / size if size else None,
            later_s=now - self._burst_end if size else None,
            line=self._line,
        )

    def _measure(self, delta: Delta) -> None:
        """Note the time of the first piece, and which pieces were sent with it."""
        now = self._clock()
        size = len(delta.content) + len(delta.reasoning)
        if self._first is None:
            self._first = self._burst_end = now
            self._burst = size
        elif delta.same_read or now - self._first < _BURST:
            self._burst_end = now
            self._burst += size
        else:
            self._bursting = False


class _Text:
    """A text that grows."""

    def __init__(self) -> None:
        self.size = 0
        self._joined: list[str] = []
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self.size += len(piece)
        self._pieces.append(piece)
        if len(self._pieces) >= _JOINED:
            self._joined.append("".join(self._pieces))
            self._pieces.clear()

    @property
    def text(self) -> str:
        return "".join(self._joined) + "".join(self._pieces)
