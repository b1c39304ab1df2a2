"""What has been said, and what the next turn sends. Pure: it asks nobody and shows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kaito.types import ChatRequest, Message, Reply

#: Has vLLM and llama.cpp's server write on where the last message, the model's own, breaks off.
_WRITE_ON: Mapping[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
#: Says the same to the model, where a server takes no such field. Not part of the history.
_PLEASE_GO_ON = "Go on exactly where you stopped, without repeating anything and without an introduction."


#: Bytes that a message takes besides its words, in the frame that a chat template gives it.
_FRAME = 16


class SavedConversation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation of an earlier run, to go on with."""

    #: The system prompt, if any, and the turns.
    messages: tuple[Message, ...] = ()
    #: Whether there is more to come of the last answer.
    broke_off: bool = False
    #: With whom it was, by the names in the banner; `None` when that is not known.
    workspace: str | None = None
    model: str | None = None

    @property
    def system(self) -> tuple[Message, ...]:
        """The system prompt, if there is one."""
        return tuple(message for message in self.messages[:1] if message.role == "system")

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages of the turns."""
        return self.messages[len(self.system) :]


class Turn(Struct, frozen=True):
    """What the user said and the model's words alone."""

    question: Message
    answer: Message
    #: The answer with its figures; `None` when it was resumed, or replaced by a command.
    reply: Reply | None = None
    #: Whether there is more to come of the answer, as the limit or a person cut it.
    broke_off: bool = False


class Conversation:
    """A conversation whose roles always alternate, as strict chat templates want it.

    Args:
        template: model and sampling of each request; its messages are not used.
        system_prompt: stays when the history is cleared.
    """

    def __init__(self, template: ChatRequest, system_prompt: str | None = None) -> None:
        self.template = template
        self.system_prompt = system_prompt
        self._turns: list[Turn] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt and the history, as the next turn sends them before its own message."""
        return self._messages(self._turns)

    @property
    def turns(self) -> int:
        """How many turns the history has."""
        return len(self._turns)

    @property
    def last(self) -> Turn | None:
        """The last turn, if there is one."""
        return self._turns[-1] if self._turns else None

    # What is sent

    def request(self, text: str, *, skipping: int = 0, replacing: bool = False) -> ChatRequest:
        """Return the request of a turn that says `text`.

        Args:
            text: the message.
            skipping: how many of the oldest turns are left out.
            replacing: whether the last turn is left out, as this one is to take its place.
        """
        turns = self._turns[skipping : len(self._turns) - replacing]
        return self.template.replace(messages=(*self._messages(turns), Message("user", text)))

    def continuation_request(self, *, by_asking: bool = False) -> ChatRequest:
        """Return the request for more of the last answer.

        Args:
            by_asking: say so to the model in a message, for servers that cannot write on in an answer.
        """
        if by_asking:
            return self.request(_PLEASE_GO_ON)
        extra = {**self.template.extra, **_WRITE_ON}
        return self.template.replace(messages=self.messages, extra=extra)

    # What becomes part of it

    def record(self, text: str, reply: Reply, *, replacing: bool = False) -> None:
        """Keep a turn, at the end or in place of the last one."""
        del self._turns[len(self._turns) - replacing :]
        cut = reply.finish_reason in (None, "length")
        self._turns.append(Turn(Message("user", text), Message("assistant", reply.content), reply, cut))

    def extend(self, reply: Reply, *, seam: str = "") -> None:
        """Join more words to the last answer, with `seam` between."""
        last = self._turns.pop()
        joined = replace(reply, content=last.answer.content + seam + reply.content)
        self.record(last.question.content, joined)

    # What is taken back or replaced

    def resume(self, past: SavedConversation) -> None:
        """Go on from an earlier conversation. Its system prompt gives way to one that was given."""
        for message in past.system:
            self.system_prompt = self.system_prompt or message.content
        # Anything else than question and answer in turn would be refused by strict templates.
        self._turns = [Turn(*pair) for pair in _pairs(past.turns) if _is_turn(pair)]
        if self._turns and past.broke_off:
            self._turns[-1] = replace(self._turns[-1], broke_off=True)

    def replace(self, messages: Sequence[Message]) -> None:
        """Take these messages for what has been said; turns that they leave as they were keep their figures.

        Raises:
            ValueError: they are not a system prompt, if any, and then question and answer in turn.
        """
        rest = list(messages)
        system = rest.pop(0).content if rest and rest[0].role == "system" else None
        pairs = list(_pairs(rest))
        if len(rest) % 2 or not all(_is_turn(pair) for pair in pairs):
            raise ValueError("a system prompt may come first, then user and assistant must alternate")
        kept = dict(enumerate(self._turns))
        self.system_prompt = system or None
        self._turns = [
            turn if (turn := kept.get(place)) and (turn.question, turn.answer) == pair else Turn(*pair)
            for place, pair in enumerate(pairs)
        ]

    def clear(self) -> None:
        """Forget the history."""
        self._turns.clear()

    def drop_oldest(self, turns: int) -> None:
        """Forget the oldest turns."""
        del self._turns[:turns]

    def drop_last(self) -> None:
        """Forget the last turn, if there is one."""
        del self._turns[-1:]

    def turns_in(self, share: float, request: ChatRequest, *, skipping: int) -> int:
        """Return how many of the oldest turns make up a share of a request.

        Args:
            share: of the request's size; tokens are taken to be spread evenly.
            request: what :meth:`request` returned.
            skipping: how many turns it left out.
        """
        left = share * sum(map(_size, request.messages))
        for count, turn in enumerate(self._turns[skipping:]):
            if left <= 0:
                return count
            left -= _size(turn.question) + _size(turn.answer)
        return len(self._turns) - skipping

    def _messages(self, turns: list[Turn]) -> tuple[Message, ...]:
        system = [Message("system", self.system_prompt)] if self.system_prompt else []
        return (*system, *(message for turn in turns for message in (turn.question, turn.answer)))


def _size(message: Message) -> int:
    return len(message.content.encode("utf-8", "surrogatepass")) + _FRAME


def _pairs(messages: Sequence[Message]) -> Iterable[tuple[Message, Message]]:
    return zip(messages[::2], messages[1::2], strict=False)


def _is_turn(pair: tuple[Message, Message]) -> bool:
    return (pair[0].role, pair[1].role) == ("user", "assistant")
