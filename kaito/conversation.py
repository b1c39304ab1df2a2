"""What has been said, and what the next turn sends. Pure: it asks nobody and shows nothing."""

from __future__ import annotations

from collections.abc import Sequence

from kaito.types import ChatRequest, Message


class Conversation:
    """A conversation whose roles always alternate, as strict chat templates want it.

    Args:
        template: model and sampling of each request; its messages are not used.
        system_prompt: stays when the history is cleared.
    """

    def __init__(self, template: ChatRequest, system_prompt: str | None = None) -> None:
        self.template = template
        self.system_prompt = system_prompt
        self._turns: list[tuple[Message, Message]] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt and the history, as the next turn sends them before its own message."""
        return self._messages(self._turns)

    @property
    def turns(self) -> int:
        """How many turns the history has."""
        return len(self._turns)

    def request(self, text: str, *, skipping: int = 0) -> ChatRequest:
        """Return the request of a turn that says `text`, without the `skipping` oldest turns."""
        messages = self._messages(self._turns[skipping:])
        return self.template.replace(messages=(*messages, Message("user", text)))

    def record(self, text: str, answer: str) -> None:
        """Keep a turn: what the user said and the model's words alone."""
        self._turns.append((Message("user", text), Message("assistant", answer)))

    def resume(self, messages: Sequence[Message]) -> None:
        """Go on from the messages of an earlier conversation. Its system prompt gives way to one that was given."""
        rest = list(messages)
        if rest and rest[0].role == "system":
            self.system_prompt = self.system_prompt or rest[0].content
            del rest[0]
        pairs = zip(rest[::2], rest[1::2], strict=False)
        # Anything else than question and answer in turn would be refused by strict templates.
        self._turns = [pair for pair in pairs if (pair[0].role, pair[1].role) == ("user", "assistant")]

    def clear(self) -> None:
        """Forget the history."""
        self._turns.clear()

    def drop_oldest(self, turns: int) -> None:
        """Forget the oldest turns."""
        del self._turns[:turns]

    def _messages(self, turns: list[tuple[Message, Message]]) -> tuple[Message, ...]:
        system = [Message("system", self.system_prompt)] if self.system_prompt else []
        return (*system, *(message for turn in turns for message in turn))
