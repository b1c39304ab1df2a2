"""Assembles a reply from streamed deltas and records its timings."""

from __future__ import annotations

from collections.abc import Callable

from kaito.types import Delta, Reply


class ReplyBuilder:
    """Assembles one reply. Create it when the request is sent.

    Args:
        clock: returns seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._last = Delta()
        self._clock = clock
        self._started = clock()
        self._first: float | None = None

    @property
    def begun(self) -> bool:
        """Whether content or reasoning has arrived."""
        return self._first is not None

    def add(self, delta: Delta) -> None:
        """Add the next piece."""
        if delta.content:
            self._content.append(delta.content)
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)
        if self._first is None and (delta.content or delta.reasoning):
            self._first = self._clock()
        last = self._last
        last.model = delta.model or last.model
        last.finish_reason = delta.finish_reason or last.finish_reason
        last.usage = delta.usage or last.usage

    def reply(self) -> Reply:
        """Return the reply, or the part of it that has arrived."""
        last = self._last
        return Reply(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            model=last.model,
            finish_reason=last.finish_reason,
            usage=last.usage,
            first_token_s=None if self._first is None else self._first - self._started,
            total_s=self._clock() - self._started,
        )
