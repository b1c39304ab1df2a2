"""Streams for tests: bytes that are cut into reads in any way, and the reply that they make."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from kaito.chat.reply_builder import ReplyBuilder
from kaito.errors import ModelError
from kaito.openai.stream import AnswerStream, ServerFailedError
from kaito.settings import Settings


class Reads:
    """The body of a response that arrives in given reads."""

    def __init__(self, reads):
        self._reads = [read for read in reads if read]

    async def readany(self):
        return self._reads.pop(0) if self._reads else b""

    def at_eof(self):
        return not self._reads


def received(*reads, content_type="text/event-stream", **headers):
    """Return the reply that an answer makes, and the message of its failure."""
    response = SimpleNamespace(
        content=Reads(reads), content_type=content_type, headers={"Content-Type": content_type, **headers}
    )
    builder = ReplyBuilder(lambda: 0.0)

    async def read():
        answer = AnswerStream(cast(Any, response), Settings(), str)
        while (delta := await answer.read()) is not None:
            builder.add(delta)

    failure = ""
    try:
        asyncio.run(read())
    except ModelError as exc:
        failure = exc.message
    except ServerFailedError as exc:
        failure = exc.error.message
    return builder.reply(), failure


def cut(stream, sizes):
    """Cut bytes into pieces of the given sizes, over and over."""
    reads, rest, turn = [], stream, 0
    while rest:
        size = sizes[turn % len(sizes)]
        reads.append(rest[:size])
        rest, turn = rest[size:], turn + 1
    return reads


def event(content=None, finish_reason=None, **delta):
    """Return the bytes of one event."""
    if content is not None:
        delta["content"] = content
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
