"""One turn of a conversation, and how a list of messages is divided into turns. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from kaito.openai.finish_reasons import Ending, ending_of
from kaito.types import Message, Outcome, Reply


class Turn(Struct, frozen=True):
    """A message of the user and the model's answer to it, without reasoning."""

    question: Message
    answer: Message
    #: The answer with its statistics; `None` when it was loaded or replaced by a command.
    reply: Reply | None = None
    #: Whether the token limit or the user cut the answer.
    cut: bool = False
    #: Calls of tools and their results between the two. kaito runs no tools, but other programs' conversations have it.
    steps: tuple[Message, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages of the turn."""
        return (self.question, *self.steps, self.answer)


def outcome_of(reply: Reply) -> Outcome:
    """Return how an answer that is kept has ended."""
    if reply.finish_reason is None:
        return "interrupted"
    return "cut" if ending_of(reply.finish_reason) in (Ending.LENGTH, Ending.FILTERED) else "complete"


class OrderError(ValueError):
    """Messages are not in the order of a conversation, in which user and assistant alternate.

    Args:
        place: the index of the first message that is not, or the number of messages when the last has no answer.
    """

    def __init__(self, place: int) -> None:
        super().__init__("a system prompt may come first, then user and assistant must alternate")
        self.place = place


def divided(messages: Sequence[Message]) -> list[Turn]:
    """Return the turns of messages without a system prompt.

    Raises:
        OrderError: they are not turns.
    """
    turns: list[Turn] = []
    start = 0
    while start < len(messages):
        end = _answer_of(messages, start)
        turns.append(Turn(messages[start], messages[end], steps=tuple(messages[start + 1 : end])))
        start = end + 1
    return turns


def divided_where_possible(messages: Sequence[Message]) -> list[Turn]:
    """Return the turns among messages: strict templates refuse what is between them."""
    turns: list[Turn] = []
    start = 0
    while start < len(messages):
        try:
            end = _answer_of(messages, start)
        except OrderError:
            start += 1
        else:
            turns.append(Turn(messages[start], messages[end], steps=tuple(messages[start + 1 : end])))
            start = end + 1
    return turns


def _answer_of(messages: Sequence[Message], start: int) -> int:
    """Return the place of the answer to the message at `start`, after any calls of tools with their results.

    Raises:
        OrderError: it has no answer, or is not the user's.
    """

    def role(place: int) -> str:
        return messages[place].role if place < len(messages) else ""

    if role(start) != "user":
        raise OrderError(start)
    place = start + 1
    while role(place) == "assistant" and messages[place].tool_calls and role(place + 1) == "tool":
        place += 2
        while role(place) == "tool":
            place += 1
    if role(place) != "assistant":
        raise OrderError(place)
    return place
