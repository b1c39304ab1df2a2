"""Kept and loaded conversations, changed at random: each is read or refused by name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given

from kaito.chat.conversation import Conversation
from kaito.chat.transcripts import read_conversation
from kaito.errors import KaitoError
from kaito.openai.request_messages import request_messages
from kaito.types import Message
from tests.mutations import mutated_json

MESSAGES = [
    {"role": "system", "content": "Be brief"},
    {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    {"role": "assistant", "content": "hi"},
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAA=="}, "name": "a.gif"},
            {"type": "text", "text": "what"},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "a dot"},
    {"role": "assistant", "content": "A dot"},
]


@given(mutated_json(MESSAGES, {"messages": MESSAGES, "model": "phi"}))
def test_a_mutated_conversation_is_read_or_refused_by_name(content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.json"
        path.write_bytes(content)
        messages: list[Message] = []
        refusal = f"'{path}'"
        try:
            messages = read_conversation(path)
        except KaitoError as exc:
            refusal = exc.message
    assert "talk.json" in refusal
    assert all(isinstance(message.content, str) for message in messages)
    # What was read can be sent, shown and saved.
    msgspec.json.encode(request_messages(messages))
    assert all(isinstance(message.shown, str) for message in messages)
    Conversation().replace(messages)
