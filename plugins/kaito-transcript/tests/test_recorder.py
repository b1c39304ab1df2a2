"""Which conversation and turn an answer belongs to, and what is recorded of it."""

from __future__ import annotations

import pytest
from kaito_transcript.recorder import Recorder, asked

from kaito import ChatRequest, Image, Message, Reply, Settings, Target, ToolCall, Usage

USER, ANSWER = Message("user", "Hi"), Message("assistant", "Hello")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01"


@pytest.fixture
def add(file, records):
    """Return a function that records an answer and returns its record."""
    recorder = Recorder(str(file))

    def add(*messages, settings=None, **reply):
        request = ChatRequest(messages=messages, model="m", temperature=0.5)
        fields = {"content": "Hello", "finish_reason": "stop", **reply}
        recorder.add(request, Reply(**fields), settings or Settings(target=Target(workspace="llama")))
        return records(file)[-1]

    return add


def test_all_fields(add):
    record = add(
        Message("system", "Be brief"),
        Message("user", "Look", images=(Image.read(PNG, "cat.png"), Image.read(PNG))),
        reasoning="hm",
        tool_calls=(ToolCall("1", "f", "{}"),),
        usage=Usage(prompt_tokens=5, completion_tokens=2, cached_tokens=1),
        first_token_s=0.25,
        total_s=0.5,
        model="served",
    )
    assert len(record.pop("id")) == len(record.pop("conversation")) == 16
    assert record.pop("time").endswith("Z")
    assert record == {
        "turn": 1,
        "target": "llama",
        "model": "served",
        "system": "Be brief",
        "question": "Look",
        "images": ["cat.png", "[image: png, 2x1]"],
        "answer": "Hello",
        "reasoning": "hm",
        "tool_calls": [{"id": "1", "name": "f", "arguments": "{}"}],
        "outcome": "complete",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 1},
        "timings": {"first_token_s": 0.25, "total_s": 0.5},
        "parameters": {"temperature": 0.5},
    }


def test_turns_and_conversations(add):
    first = add(USER)
    second = add(USER, ANSWER, Message("user", "And?"))
    assert second["conversation"] == first["conversation"]
    assert [first["turn"], second["turn"]] == [1, 2]
    new = add(USER)
    assert new["conversation"] != first["conversation"]
    assert new["turn"] == 1


def test_a_conversation_that_was_loaded(add):
    assert add(USER, ANSWER, Message("user", "And?"))["turn"] == 1


def test_the_system_prompt_is_recorded_when_it_changes(add):
    def system(text):
        return add(Message("system", text), USER, ANSWER, Message("user", "And?")).get("system")

    assert [system("a"), system("a"), system("b")] == ["a", None, "b"]


@pytest.mark.parametrize("more", [(), (Message("user", "Go on"),)], ids=["final", "asked by a message"])
def test_a_continuation_replaces_the_answer(add, more):
    first = add(USER, content="Hel", outcome="cut", finish_reason="length")
    second = add(USER, Message("assistant", "Hel"), *more, content="Hello", continued=True)
    assert second["replaces"] == first["id"]
    assert (second["turn"], second["question"], second["conversation"]) == (1, "Hi", first["conversation"])
    third = add(USER, Message("assistant", "Hello"), *more, content="Hello!", continued=True)
    assert third["replaces"] == second["id"]


def test_the_continuation_of_a_failed_turn_replaces_nothing(add):
    add(USER)
    record = add(USER, ANSWER, Message("user", "And?"), Message("assistant", "So"), continued=True)
    assert "replaces" not in record
    assert (record["turn"], record["question"]) == (2, "And?")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (Target(), None),
        (Target(workspace="set", kind="inferenceset"), "inferenceset/set"),
        (Target(endpoint="https://me@host:8080/v1?key=secret"), "host:8080"),
    ],
)
def test_the_target(add, target, shown):
    assert add(USER, settings=Settings(target=target))["target"] == shown


def test_messages_without_a_user():
    assert asked((Message("system", "s"),), continued=True) == (False, Message("user", ""))


def test_a_folder_has_a_file_for_each_conversation(tmp_path, records):
    recorder = Recorder(f"{tmp_path}/deep/er/")
    for messages in ((USER,), (USER, ANSWER, USER), (USER,)):
        recorder.add(ChatRequest(messages=messages), Reply(content="Hello"), Settings())
    assert sorted(len(records(each)) for each in (tmp_path / "deep/er").iterdir()) == [1, 2]
