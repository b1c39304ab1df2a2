"""Creates the records of answers, and assigns them to conversations."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kaito import ChatRequest, KaitoError, Message, Reply, Settings
from kaito_transcript.files import append_line, is_folder
from kaito_transcript.records import Record, Timings, Tokens


class Recorder:
    """Adds the answers of this process to a transcript.

    Args:
        destination: a file, or a folder with a file for each conversation.
    """

    def __init__(self, destination: str) -> None:
        # An absolute path, as the process may change its folder.
        self._path = Path(os.path.abspath(Path(destination).expanduser()))
        self._in_folder = is_folder(destination)
        self._file = self._path
        self._conversation = ""
        self._turn = 0
        self._system: str | None = None
        self._last: Record | None = None

    def add(self, request: ChatRequest, reply: Reply, settings: Settings) -> None:
        """Add an answer.

        Raises:
            KaitoError: the file cannot be written.
        """
        now = datetime.now(UTC)
        history, question = asked(request.messages, continued=reply.continued)
        replaced = self._replaced(question) if reply.continued else None
        if replaced is None:
            # A message without earlier turns begins a conversation.
            if not self._conversation or not history:
                self._begin(now)
            self._turn += 1
        system = next((message.content for message in request.messages if message.role == "system"), None)
        record = Record(
            id=secrets.token_hex(8),
            time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            conversation=self._conversation,
            turn=self._turn,
            replaces=replaced.id if replaced else None,
            target=_target(settings),
            model=reply.model or request.model,
            system=system if system != self._system else None,
            question=question.content,
            images=tuple(image.name or image.shown for image in question.images),
            answer=reply.content,
            reasoning=reply.reasoning,
            tool_calls=reply.tool_calls,
            outcome=reply.outcome,
            finish_reason=reply.finish_reason,
            usage=_tokens(reply),
            timings=Timings(first_token_s=_rounded(reply.first_token_s), total_s=round(reply.total_s, 6)),
            parameters=_parameters(request),
        )
        try:
            append_line(self._file, msgspec.json.encode(record))
        except OSError as exc:
            raise KaitoError(f"Cannot write the transcript '{self._file}': {exc.strerror}") from None
        self._last, self._system = record, system

    def _begin(self, now: datetime) -> None:
        self._conversation = secrets.token_hex(8)
        self._turn, self._system, self._last = 0, None, None
        if self._in_folder:
            self._file = self._path / f"{now:%Y%m%d-%H%M%S}-{self._conversation}.jsonl"

    def _replaced(self, question: Message) -> Record | None:
        """Return the record of the answer that was continued; `None` if its turn failed, so that it has none."""
        return self._last if self._last is not None and self._last.question == question.content else None


def asked(messages: tuple[Message, ...], *, continued: bool) -> tuple[bool, Message]:
    """Return whether there were earlier turns, and the message that was answered.

    Args:
        continued: whether the answer's beginning is among the messages, perhaps with a request to continue it.
    """
    end = len(messages)
    if continued:
        end = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=end)
    users = [message for message in messages[:end] if message.role == "user"]
    return len(users) > 1, users[-1] if users else Message("user", "")


def _target(settings: Settings) -> str | None:
    target = settings.target
    if target.workspace is not None:
        return target.workspace if target.kind == "workspace" else f"{target.kind}/{target.workspace}"
    # A URL's query may contain a key.
    return urlsplit(target.endpoint).netloc.rpartition("@")[2] if target.endpoint is not None else None


def _tokens(reply: Reply) -> Tokens | None:
    usage = reply.usage
    if usage is None:
        return None
    return Tokens(
        prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, cached_tokens=usage.cached_tokens
    )


def _parameters(request: ChatRequest) -> dict[str, float | int]:
    given = {"temperature": request.temperature, "top_p": request.top_p, "max_tokens": request.max_tokens}
    return {name: value for name, value in given.items() if value is not None}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
