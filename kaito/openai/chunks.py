"""Merges the events of a chat completion, streamed or whole, into deltas.

Format: https://platform.openai.com/docs/api-reference/chat-streaming; `reasoning_content` and `reasoning` are vLLM's,
by version.
"""

from __future__ import annotations

import msgspec

from kaito.openai.error_responses import error_message
from kaito.openai.schema import Chunk, MalformedError, TokenCount, parse_chunk
from kaito.types import Delta, Usage

_chunks = msgspec.json.Decoder(list[Chunk])

_END = b"[DONE]"
_NO_ERROR = (None, "", False)
# Tokens. A server cannot have counted more.
_MAX_COUNT = 2**63 - 1


class AnswerDecoder:
    """Merges the events of one answer.

    Attributes:
        done: whether the stream has announced its end.
        error: the server's message when it failed in mid-stream; no delta follows.
        malformed: whether an event was not a chunk of a chat completion; no delta follows.
    """

    def __init__(self) -> None:
        self.done = False
        self.error: str | None = None
        self.malformed = False

    def decode(self, events: list[bytes]) -> Delta:
        """Merge the events of one read into one delta, which is shown at once."""
        if not events:
            return Delta()
        if events[-1] == _END:
            self.done = True
            events = events[:-1]
        try:
            # One array is decoded more than twice as fast as its events one by one.
            chunks = _chunks.decode(b"[%b]" % b",".join(events))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            chunks = self._decode_each(events)
        else:
            if len(chunks) != len(events):  # an event with a comma between two values
                chunks = self._decode_each(events)
        return self._merge(chunks)

    def decode_whole(self, body: bytes) -> Delta:
        """Parse the answer of a server that does not stream.

        Raises:
            MalformedError: the body is not a chat completion.
        """
        self.done = True
        return self._merge([parse_chunk(body)])

    def _decode_each(self, events: list[bytes]) -> list[Chunk]:
        chunks = []
        for event in events:
            if event.strip() == _END:
                self.done = True
                break
            try:
                chunks.append(parse_chunk(event))
            except MalformedError:
                self.malformed = self.done = True
                break
        return chunks

    def _merge(self, chunks: list[Chunk]) -> Delta:
        delta = Delta()
        content: list[str] = []
        reasoning: list[str] = []
        for chunk in chunks:
            if chunk.error not in _NO_ERROR or chunk.object == "error":
                self.error = error_message(chunk.error) or error_message(chunk.message) or "no reason given"
                self.done = True
                break
            if chunk.usage is not None:
                delta.usage = _usage(chunk.usage)
            for choice in chunk.choices or ():
                if choice.index:  # only one answer is requested
                    continue
                if text := choice.delta or choice.message:
                    if text.content:
                        content.append(text.content)
                    if thoughts := text.reasoning_content or text.reasoning:
                        reasoning.append(thoughts)
                if choice.finish_reason:
                    delta.finish_reason = choice.finish_reason
        if chunks:
            delta.model = chunks[-1].model
        delta.content = "".join(content)
        delta.reasoning = "".join(reasoning)
        return delta


def _usage(usage: TokenCount) -> Usage | None:
    """Return a server's token count; `None` if it is impossible."""
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details else None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if not all(0 <= count <= _MAX_COUNT for count in (prompt, completion, cached or 0)):
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
