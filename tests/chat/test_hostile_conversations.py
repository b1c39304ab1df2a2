"""Kept and loaded conversations, changed at random: each is read or refused by name."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given

from kaito.chat.transcripts import read_conversation
from kaito.errors import KaitoError
from kaito.types import Message
from tests.mutations import mutated_json

MESSAGES = [
    {"role": "system", "content": "Be brief"},
    {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    {"role": "assistant", "content": "hi"},
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
