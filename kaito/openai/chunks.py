"""Events in, deltas out: what OpenAI's chat completions look like, streamed and whole.

Shapes: https://platform.openai.com/docs/api-reference/chat-streaming; `reasoning_content` and `reasoning` are vLLM's,
by version.
"""

from __future__ import annotations

import msgspec

from kaito.openai.error_responses import error_message
from kaito.openai.schema import Chunk, MalformedError, TokenCount, read_chunk
from kaito.types import Delta, Usage

_chunks = msgspec.json.Decoder(list[Chunk])

_END = b"[DONE]"
_NO_ERROR = (None, "", False)
# Tokens. What is more was not counted.
_MOST = 2**63 - 1


class AnswerDecoder:
    """Gathers an answer from the events of its stream.

    Attributes:
        done: the stream has said that it is over.
        error: the server's words when it gave up in mid-stream. No delta follows.
        malformed: an event was no chunk of a chat completion. No delta follows what came before it.
    """

    def __init__(self) -> None:
        self.done = False
        self.error: str | None = None
        self.malformed = False

    def decode(self, events: list[bytes]) -> Delta:
        """Merge events into one delta: all that one read brought is shown at once."""
        if not events:
            return Delta()
        if events[-1] == _END:
            self.done = True
            events = events[:-1]
        try:
            # One array is decoded at more than twice the speed of its events one by one.
            chunks = _chunks.decode(b"[%b]" % b",".join(events))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            chunks = self._one_by_one(events)
        else:
            if len(chunks) != len(events):  # an event that holds a comma between two values
                chunks = self._one_by_one(events)
        return self._merge(chunks)

    def decode_whole(self, body: bytes) -> Delta:
        """Read the answer of a server that does not stream.

        Raises:
            MalformedError: the body is no chat completion.
        """
        self.done = True
        return self._merge([read_chunk(body)])

    def _one_by_one(self, events: list[bytes]) -> list[Chunk]:
        chunks = []
        for event in events:
            if event.strip() == _END:
                self.done = True
                break
            try:
                chunks.append(read_chunk(event))
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
                if choice.index:  # one answer is asked for
                    continue
                if text := choice.delta or choice.message:
                    if text.content:
                        content.append(text.content)
                    if thought := text.reasoning_content or text.reasoning:
                        reasoning.append(thought)
                if choice.finish_reason:
                    delta.finish_reason = choice.finish_reason
        if chunks:
            delta.model = chunks[-1].model
        delta.content = "".join(content)
        delta.reasoning = "".join(reasoning)
        return delta


def _usage(usage: TokenCount) -> Usage | None:
    """Return a server's count; `None` for one that cannot be true."""
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details else None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if not all(0 <= count <= _MOST for count in (prompt, completion, cached or 0)):
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
