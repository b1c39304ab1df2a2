"""The turns of a conversation, and the messages of its next request. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from msgspec import Struct
from msgspec.structs import replace

from kaito.chat.turn import Turn, divided, divided_where_possible
from kaito.openai.finish_reasons import Ending, ending_of
from kaito.types import Message, Reply
from kaito.types.conversations import ConversationInfo
from kaito.types.message_checks import checked_messages

#: Bytes that a chat template adds to each message, roughly.
_TEMPLATE_BYTES = 16
#: Bytes of text with as many tokens as an image, roughly: models turn one into some hundred to two thousand.
_IMAGE_BYTES = 4000


class SavedConversation(Struct, frozen=True, kw_only=True):
    """A conversation of an earlier run."""

    #: The system prompt, if any, and the turns.
    messages: tuple[Message, ...] = ()
    #: Whether the last answer was cut and can be continued.
    cut: bool = False
    #: Its metadata in the history; `None` for a conversation from a file.
    info: ConversationInfo | None = None
    #: Whether the user named it by its ID; it may then have been with another server.
    named: bool = False
    #: Its revision in the history, where another shell may change it, too.
    revision: int = 0

    @property
    def system(self) -> tuple[Message, ...]:
        """The system prompt as a message, or nothing."""
        return tuple(message for message in self.messages[:1] if message.role == "system")

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages of the turns."""
        return self.messages[len(self.system) :]


class Conversation:
    """A conversation whose roles always alternate, as strict chat templates require.

    Attributes:
        number: grows when another conversation replaces the current one.
        dropped: how many of its turns were dropped to fit the window.

    Args:
        resumed: an earlier conversation to continue; its system prompt is used unless one is given.
    """

    def __init__(self, system_prompt: str | None = None, resumed: SavedConversation | None = None) -> None:
        self.system_prompt = system_prompt
        self.number = 0
        self.dropped = 0
        self._turns: list[Turn] = []
        if resumed is not None:
            self._take(resumed, system_prompt)

    def _take(self, resumed: SavedConversation, system_prompt: str | None) -> None:
        for message in resumed.system:
            self.system_prompt = system_prompt or message.content
        self._turns = divided_where_possible(resumed.turns)
        if self._turns and resumed.cut:
            self._turns[-1] = replace(self._turns[-1], cut=True)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt and the history: what the next request sends before its own message."""
        return self._messages(self._turns)

    @property
    def turns(self) -> int:
        """The number of turns in the history."""
        return len(self._turns)

    @property
    def turn_list(self) -> tuple[Turn, ...]:
        """The turns of the history."""
        return tuple(self._turns)

    @property
    def last(self) -> Turn | None:
        """The last turn, if there is one."""
        return self._turns[-1] if self._turns else None

    def messages_with(self, question: Message, *, skipping: int = 0, replacing: bool = False) -> tuple[Message, ...]:
        """Return the messages of a request that sends `question`."""
        turns = self._turns[skipping : len(self._turns) - replacing]
        return (*self._messages(turns), question)

    # Adding turns

    def record(
        self, question: Message, reply: Reply, *, replacing: bool = False, steps: tuple[Message, ...] = ()
    ) -> None:
        """Add a turn, or replace the last one."""
        del self._turns[len(self._turns) - replacing :]
        cut = reply.finish_reason is None or ending_of(reply.finish_reason) is Ending.LENGTH
        answer = Message("assistant", reply.content, tool_calls=reply.tool_calls)
        self._turns.append(Turn(question, answer, reply, cut, steps))

    def extend(self, reply: Reply, *, separator: str = "") -> None:
        """Append a continuation to the last answer."""
        last = self._turns.pop()
        joined = replace(reply, content=last.answer.content + separator + reply.content)
        self.record(last.question, joined, steps=last.steps)

    # Removing and replacing turns

    def replace(self, messages: Sequence[Message]) -> None:
        """Replace the whole conversation; unchanged turns keep their statistics.

        Raises:
            ValueError: the messages are not an optional system prompt and then user and assistant in turn.
            TypeError: they are not messages.
        """
        rest = list(checked_messages(messages))
        system = rest.pop(0).content if rest and rest[0].role == "system" else None
        turns = divided(rest)
        before = self._turns
        self.system_prompt = system or None
        self._turns = [
            known if known is not None and known.messages == turn.messages else turn
            for known, turn in zip(chain(before, repeat(None)), turns, strict=False)
        ]
        if before and (not turns or before[0] is not self._turns[0]):
            self._begin()

    def resume(self, saved: SavedConversation) -> None:
        """Continue another conversation in place of the current one, with its system prompt if it has one."""
        self._begin()
        self._take(saved, None)

    def clear(self) -> None:
        """Remove all turns: another conversation begins."""
        self._turns.clear()
        self._begin()

    def _begin(self) -> None:
        self.number += 1
        self.dropped = 0

    def drop_oldest(self, turns: int) -> None:
        """Remove the oldest turns."""
        del self._turns[:turns]
        self.dropped += turns

    def drop_last(self) -> None:
        """Remove the last turn, if there is one."""
        del self._turns[-1:]

    def turns_in(self, share: float, messages: Iterable[Message], *, skipping: int) -> int:
        """Return how many of the oldest turns make up a share of a request.

        Args:
            share: of the request's size, from 0 to 1. Tokens are assumed to be spread evenly over the text.
            messages: those of the request.
            skipping: the number of oldest turns that the request leaves out already.
        """
        left = share * sum(map(_size, messages))
        for count, turn in enumerate(self._turns[skipping:]):
            if left <= 0:
                return count
            left -= sum(map(_size, turn.messages))
        return len(self._turns) - skipping

    def _messages(self, turns: list[Turn]) -> tuple[Message, ...]:
        system = [Message("system", self.system_prompt)] if self.system_prompt else []
        return (*system, *(message for turn in turns for message in turn.messages))


def _size(message: Message) -> int:
    calls = sum(len(call.shown) for call in message.tool_calls)
    text = len(message.content.encode("utf-8", "surrogatepass"))
    return text + calls + len(message.images) * _IMAGE_BYTES + _TEMPLATE_BYTES
