"""One turn of a conversation, and how a list of messages is divided into turns. No I/O."""

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
    #: Calls of tools and their results between the two. kaito runs no tools, but loaded conversations may have them.
    steps: tuple[Message, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages of the turn."""
        return (self.question, *self.steps, self.answer)


def outcome_of(reply: Reply) -> Outcome:
    """Return how an answer that is kept ended."""
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
        turns.append(_turn_at(messages, start))
        start += len(turns[-1].messages)
    return turns


def divided_where_possible(messages: Sequence[Message]) -> list[Turn]:
    """Return the turns among messages, without the messages between them, which strict templates refuse."""
    turns: list[Turn] = []
    start = 0
    while start < len(messages):
        try:
            turns.append(_turn_at(messages, start))
        except OrderError:
            start += 1
        else:
            start += len(turns[-1].messages)
    return turns


def _turn_at(messages: Sequence[Message], start: int) -> Turn:
    """Return the turn that begins at `start`: a question, any calls of tools with their results, and the answer.

    Raises:
        OrderError: the message has no answer, or is not the user's.
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
    return Turn(messages[start], messages[place], steps=tuple(messages[start + 1 : place]))
