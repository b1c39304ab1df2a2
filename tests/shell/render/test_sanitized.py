"""What a formatter receives has no control sequences, in any field; what is harmless stays the same object."""

from msgspec import UNSET

from kaito.shell.render.sanitized import DeltaSanitizer, RequestSanitizer, sanitized_reply
from kaito.types import ChatRequest, Delta, Image, Message, Reply, ToolCall

BAD = "a\x1b[31mb"
CALL, CLEAN_CALL = ToolCall(id=BAD, name=BAD, arguments=BAD), ToolCall(id="ab", name="ab", arguments="ab")


def test_a_reply():
    reply = Reply(
        content=BAD,
        reasoning=BAD,
        tool_calls=(CALL,),
        parsed={BAD: [BAD, 1, None, {"x": BAD}]},
        model=BAD,
        finish_reason=BAD,
    )
    assert sanitized_reply(reply) == Reply(
        content="ab",
        reasoning="ab",
        tool_calls=(CLEAN_CALL,),
        parsed={"ab": ["ab", 1, None, {"x": "ab"}]},
        model="ab",
        finish_reason="ab",
    )
    assert sanitized_reply(Reply(content="")).parsed is UNSET


def test_a_value_that_is_nested_too_deeply_is_left_out():
    value: object = 1
    for _ in range(5000):
        value = [value]
    assert sanitized_reply(Reply(content="[", parsed=value)).parsed is UNSET


def test_deltas():
    sanitizer = DeltaSanitizer()
    harmless = Delta(content="a", model="m", finish_reason="stop")
    assert sanitizer.feed(harmless) is harmless
    pieces = [sanitizer.feed(Delta(content=piece, reasoning=piece)) for piece in ("a\x1b", "[3", "1mb")]
    assert "".join(delta.content for delta in pieces) == "".join(delta.reasoning for delta in pieces) == "ab"
    assert sanitizer.feed(Delta(tool_calls=(CALL,), model=BAD)) == Delta(tool_calls=(CLEAN_CALL,), model="ab")


def test_requests():
    sanitizer = RequestSanitizer()
    first, second = Message("user", "hello"), Message("assistant", "hello")
    harmless = ChatRequest(messages=(first, second))
    assert sanitizer.sanitized(harmless) is harmless
    image = Image(data=b"x", type="image/png", name=BAD)
    messages = (first, second, Message("user", BAD, images=(image,), tool_calls=(CALL,), tool_call_id=BAD))
    for _ in range(2):
        clean = sanitizer.sanitized(ChatRequest(messages=messages)).messages
        assert clean[:2] == (first, second)
        assert (clean[2].content, clean[2].images[0].name, clean[2].tool_call_id) == ("ab", "ab", "ab")
        assert (clean[2].images[0].data, clean[2].tool_calls) == (b"x", (CLEAN_CALL,))
    assert len(sanitizer.sanitized(ChatRequest(messages=(first,))).messages) == 1
