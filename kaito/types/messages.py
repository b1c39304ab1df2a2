"""Messages, requests and replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from kaito.types.images import Image

#: `tool` is the role of a tool's result.
Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """A call of a tool that the model asks for. kaito runs no tools."""

    #: Identifies the call in the message that has its result; `""` if the server sent no id.
    id: str
    name: str
    #: The text that the model wrote: a JSON object, unless the model made a mistake.
    arguments: str = ""

    @property
    def shown(self) -> str:
        """The call as one line of text: `[tool call] add({"a": 1})`."""
        # In JSON, line breaks can only be between values.
        arguments = " ".join(line.strip() for line in self.arguments.splitlines())
        return f"[tool call] {' '.join(self.name.split())}({arguments.strip()})"

    def replace(self, **changes: Any) -> ToolCall:
        """Return a copy with the given fields changed."""
        return replace(self, **changes)


class Message(Struct, frozen=True, omit_defaults=True):
    """One message of a conversation. Most messages have only text; images and calls of tools have fields of their own.

    A plugin that inspects what is sent must look at all fields.
    """

    role: Role
    content: str
    #: Images in a user's message.
    images: tuple[Image, ...] = ()
    #: The calls of tools in an assistant's message; its content is then often `""`.
    tool_calls: tuple[ToolCall, ...] = ()
    #: For the role `tool`: the id of the call whose result is the content.
    tool_call_id: str | None = None

    @property
    def shown(self) -> str:
        """The message as text: a line for each image, the content, and a line for each call of a tool."""
        if not self.images and not self.tool_calls:
            return self.content
        lines = [*(image.shown for image in self.images), self.content, *(call.shown for call in self.tool_calls)]
        return "\n".join(line for line in lines if line.strip())

    def replace(self, **changes: Any) -> Message:
        """Return a copy with the given fields changed."""
        return replace(self, **changes)


class ChatRequest(Struct, frozen=True, kw_only=True):
    """The request of one turn. Change it with :meth:`replace`."""

    messages: tuple[Message, ...]
    #: The served model or adapter; `None` leaves the choice to the server.
    model: str | None = None
    #: 0.0 to 2.0.
    temperature: float | None = None
    #: 0.0 to 1.0.
    top_p: float | None = None
    #: The most tokens that the answer may have.
    max_tokens: int | None = None
    #: Whether the server sends the answer token by token.
    stream: bool = True
    #: Further fields of the request body, by the server's names.
    extra: Mapping[str, Any] = {}

    def replace(self, **changes: Any) -> ChatRequest:
        """Return a copy with the given fields changed."""
        return replace(self, **changes)


class Usage(Struct, frozen=True, kw_only=True):
    """The server's token count for one turn."""

    prompt_tokens: int
    completion_tokens: int
    #: Prompt tokens that the server took from its prefix cache; `None` when it does not report them.
    cached_tokens: int | None = None


class Delta(Struct, kw_only=True):
    """A piece of an answer: all that arrived with one read from the network."""

    content: str = ""
    #: What the model thinks before it answers; never part of the conversation.
    reasoning: str = ""
    #: All calls of tools, complete; set in the last piece.
    tool_calls: tuple[ToolCall, ...] = ()
    #: Why the answer ended (`stop`, `length`, …); set in the last piece.
    finish_reason: str | None = None
    usage: Usage | None = None
    #: The model's name as the server reports it in the answer.
    model: str | None = None
    #: Whether it arrived together with the piece before.
    same_read: bool = False


class Waiting(Struct, frozen=True, kw_only=True):
    """Yielded in place of a delta when the request will be retried."""

    #: The server's or the network's error message.
    reason: str
    #: Seconds until the next attempt.
    delay: float


#: How an answer ended: by the model itself, by the token limit or the server's content filter, or by the user.
Outcome = Literal["complete", "cut", "interrupted"]


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer, or the part that arrived before it was cut."""

    content: str
    reasoning: str = ""
    #: The calls of tools, complete; none when the answer was cut.
    tool_calls: tuple[ToolCall, ...] = ()
    #: The content as a value, when a JSON schema was given and the content matches it; otherwise `msgspec.UNSET`.
    parsed: Any = UNSET
    model: str | None = None
    #: `None` when the answer was interrupted or the stream ended early.
    finish_reason: str | None = None
    usage: Usage | None = None
    #: Seconds from sending the request to the first visible piece; `None` without one.
    first_token_s: float | None = None
    #: Seconds from sending the request to the end of the answer.
    total_s: float = 0.0
    #: The share of the text that arrived after the first pieces, and the seconds that it took; `None` if not measured.
    #: It shows whether a server or a proxy held back much of the answer and then sent it at once.
    later_share: float | None = None
    later_s: float | None = None
    #: The line of the script that asked for it, counted from 1 (for a block, its first line); `None` at a prompt and
    #: with `--message`.
    line: int | None = None
    #: How the answer ended. Set only for `kaito_reply`.
    outcome: Outcome = "complete"
    #: Whether this is an answer that was reported before, now with its continuation. Set only for `kaito_reply`.
    continued: bool = False


class Failure(Struct, frozen=True, kw_only=True):
    """A message without a complete answer, or another line of a script that failed."""

    #: The error in one sentence, as on stderr.
    message: str
    #: Its further lines, which explain the error and say what to do.
    hints: tuple[str, ...] = ()
    #: The exit code of the error. The first error of a run decides the run's exit code.
    exit_code: int = 1
    #: As for :class:`Reply`.
    line: int | None = None
    #: The part of the answer that arrived, perhaps without text; `None` if no request was sent.
    reply: Reply | None = None


class ModelInfo(Struct, frozen=True, kw_only=True):
    """One entry of the server's model list."""

    name: str
    #: The context window in tokens; `None` when the server does not report it.
    window: int | None = None
    #: The base model of an adapter; `None` when the server does not report it.
    parent: str | None = None
