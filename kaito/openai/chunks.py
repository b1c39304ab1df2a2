"""Merges the events of a chat completion, streamed or whole, into deltas.

Format: https://platform.openai.com/docs/api-reference/chat-streaming; `reasoning_content` and `reasoning` are vLLM's,
by version.
"""

from __future__ import annotations

import codecs

import msgspec

from kaito.openai.broken_characters import CharacterJoiner
from kaito.openai.error_responses import ErrorResponse, parse_error_event
from kaito.openai.finish_reasons import Ending, ending_of, finish_reason
from kaito.openai.reasoning_tags import ReasoningSplitter
from kaito.openai.schema import ABSENT, Chunk, MalformedError, TokenCount, is_empty, merged_text, parse_chunk
from kaito.openai.tool_calls import ToolCallJoiner
from kaito.types import Delta, Usage
from kaito.util import limits

_chunks = msgspec.json.Decoder(list[Chunk])

_END = b"[DONE]"


class AnswerDecoder:
    """Merges the events of one answer. The deltas add up to the same text however the events are divided into reads.

    Attributes:
        done: whether the stream has announced its end, or is not read further.
        begun: whether a choice has arrived.
        finish_reason: the last one that arrived.
        text_after_finish: whether text arrived after a finish reason, which then says nothing about the end.
        error: the failure that the server reported in mid-stream; no delta follows.
        malformed: the event that is not a chunk of a chat completion, or `None`; no delta follows.
        too_long: whether the answer exceeds its limit; no delta follows.
        calls: the calls of tools so far; `None` without any.
    """

    def __init__(self) -> None:
        self.done = False
        self.begun = False
        self.finish_reason: str | None = None
        self.text_after_finish = False
        self.error: ErrorResponse | None = None
        self.malformed: bytes | None = None
        self.too_long = False
        self._marked_end = False
        self.calls: ToolCallJoiner | None = None
        # Joiners are created for the first piece that needs them, and the splitter is dropped after the last one: they
        # take more time than everything else.
        self._characters: tuple[CharacterJoiner, CharacterJoiner] | None = None
        self._splitter: ReasoningSplitter | None = ReasoningSplitter()
        self._sizes = [0, 0]

    @property
    def answered(self) -> bool:
        """Whether a part of the answer itself has arrived."""
        return self._sizes[0] > 0

    def decode(self, events: list[bytes]) -> Delta:
        """Merge the events of one read into one delta, which is shown at once."""
        if not events:
            return Delta()
        if events[-1] == _END:
            self.done = self._marked_end = True
            events = events[:-1]
        joined = b"[%b]" % b",".join(events)
        try:
            if len(joined) > limits.UNCHECKED_EVENTS:
                raise msgspec.DecodeError
            # One array is decoded more than twice as fast as its events one by one.
            chunks = _chunks.decode(joined)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            chunks = self._decode_each(events)
        else:
            if len(chunks) != len(events):  # an event with a comma between two values
                chunks = self._decode_each(events)
        return self._merge(chunks, events)

    def decode_last(self, events: list[bytes]) -> Delta:
        """Merge an event that may have been cut by the end of the body. It is ignored if it is not a chunk."""
        for event in events:
            if event.strip() != _END:
                try:
                    parse_chunk(event)
                except MalformedError:
                    return Delta()
        return self.decode(events)

    def decode_whole(self, body: bytes) -> Delta:
        """Parse the answer of a server that does not stream.

        Raises:
            MalformedError: the body is not a chat completion.
        """
        self.done = True
        body = body.removeprefix(codecs.BOM_UTF8)
        if not body.strip():
            return Delta()
        self._characters = CharacterJoiner(), CharacterJoiner()
        return self._merge([parse_chunk(body)], [body])

    def fail(self, error: bytes) -> None:
        """Parse the data of an event named `error`."""
        if not self.done:
            self.error, self.done = parse_error_event(error), True

    def finish(self) -> Delta:
        """Return the last delta: text that was held back, the calls of tools, and the finish reason."""
        delta = Delta()
        content = reasoning = ""
        if self._characters is not None:
            content, reasoning = (joiner.finish() for joiner in self._characters)
        if self._splitter is not None:
            thoughts, content = self._split(content)
            if self._splitter is not None:
                more, rest = self._splitter.finish()
                thoughts, content = thoughts + more, content + rest
            reasoning += thoughts
        if content:
            delta.content = self._limited(content, 0)
        if reasoning:
            delta.reasoning = self._limited(reasoning, 1)
        if self._marked_end and self.finish_reason is None and self.error is None and self.begun:
            # `[DONE]` says as much as a finish reason.
            delta.finish_reason = self.finish_reason = "stop"
        if self.calls is not None and self.finish_reason and self.error is None:
            ending = ending_of(self.finish_reason)
            if ending is Ending.COMPLETE:
                delta.finish_reason = self.finish_reason = "tool_calls"
            # If the answer was cut, the last call may be incomplete.
            if ending in (Ending.COMPLETE, Ending.TOOL):
                delta.tool_calls = self.calls.calls()
        return delta

    def _decode_each(self, events: list[bytes]) -> list[Chunk]:
        # The strict types also refuse half a character, which must be joined.
        self._characters = self._characters or (CharacterJoiner(), CharacterJoiner())
        chunks = []
        for event in events:
            if event.strip() == _END:
                self.done = self._marked_end = True
                break
            try:
                chunks.append(parse_chunk(event))
            except MalformedError:
                self.malformed, self.done, self._marked_end = event, True, False
                break
        return chunks

    def _merge(self, chunks: list[Chunk], events: list[bytes]) -> Delta:
        delta = Delta()
        content: list[str] = []
        reasoning: list[str] = []
        absent = ABSENT
        # Whether the text of a piece can be used as it is. A local name, as attributes are slower in this loop.
        plain = self._splitter is None and self._characters is None and self.finish_reason is None
        for chunk in chunks:
            choices = chunk.choices
            if (choices is None or chunk.error is not absent) and chunk.is_error:
                count = next(index for index, each in enumerate(chunks) if each is chunk)
                self.error, self.done = parse_error_event(events[count]), True
                del chunks[count:]
                break
            if chunk.usage is not None and (usage := _usage(chunk.usage)) is not None:
                delta.usage = usage
            if not choices:
                continue
            self.begun = True
            for choice in choices:
                if choice.index:  # only one answer is requested
                    continue
                text = choice.delta
                if (text is None or not text.content) and (choice.message is not None or choice.text):
                    text = merged_text(choice)
                if text is not None:
                    answer, thoughts = text.content, text.reasoning_content or text.reasoning
                    if not plain and (answer or thoughts):
                        answer, thoughts = self._sort(answer or "", thoughts or "")
                        plain = self._splitter is None and self._characters is None and self.finish_reason is None
                    if answer:
                        content.append(answer)
                    if thoughts:
                        reasoning.append(thoughts)
                    if text.tool_calls is not absent and not is_empty(text.tool_calls):
                        self._add_calls(bytes(text.tool_calls))
                if choice.finish_reason and (reason := finish_reason(choice.finish_reason)):
                    delta.finish_reason = self.finish_reason = reason[: limits.SHOWN_NAME]
                    plain = False
        for chunk in reversed(chunks):
            if chunk.model:
                delta.model = chunk.model[: limits.SHOWN_NAME]
                break
        if content:
            delta.content = self._limited("".join(content), 0)
        if reasoning:
            delta.reasoning = self._limited("".join(reasoning), 1)
        return delta

    def _add_calls(self, fragments: bytes) -> None:
        self.calls = self.calls or ToolCallJoiner()
        self.calls.add(fragments)
        if self.calls.too_large:
            self.too_long = self.done = True

    def _sort(self, answer: str, reasoning: str) -> tuple[str, str]:
        """Return the content and the reasoning of one piece."""
        if self.finish_reason is not None and (answer or reasoning):
            self.text_after_finish = True
        if self._characters is not None:
            answer, reasoning = self._characters[0].feed(answer), self._characters[1].feed(reasoning)
        thoughts, answer = self._split(answer)
        return answer, reasoning + thoughts

    def _split(self, content: str) -> tuple[str, str]:
        if self._splitter is None:
            return "", content
        reasoning, content = self._splitter.feed(content)
        if self._splitter.done:
            self._splitter = None
        return reasoning, content

    def _limited(self, text: str, kind: int) -> str:
        """Cut a text to what is left of the limit of the answer (`kind` 0) or of its reasoning (1)."""
        self._sizes[kind] += len(text)
        surplus = self._sizes[kind] - limits.ANSWER
        if surplus <= 0:
            return text
        self.too_long = self.done = True
        return text[: max(len(text) - surplus, 0)]


def _usage(usage: TokenCount) -> Usage | None:
    """Return a server's token count; `None` if it is impossible."""
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details else None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if not all(0 <= count <= limits.TOKEN_COUNT for count in (prompt, completion, cached or 0)):
        return None
    return Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)
