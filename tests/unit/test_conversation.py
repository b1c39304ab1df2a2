"""What has been said."""

from hypothesis import given
from hypothesis import strategies as st

from kaito.conversation import Conversation
from kaito.types import ChatRequest, Message


def conversation(system=None):
    return Conversation(ChatRequest(messages=(), model="m", temperature=0.5), system)


def test_each_turn_sends_the_system_prompt_and_the_history():
    talk = conversation("Be brief")
    talk.record("Hi", "Hello")
    request = talk.request("And?")
    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Be brief"),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And?"),
    ]
    assert (request.model, request.temperature) == ("m", 0.5)


def test_clear_keeps_the_system_prompt():
    talk = conversation("Be brief")
    talk.record("Hi", "Hello")
    talk.clear()
    assert talk.messages == (Message("system", "Be brief"),)
    assert talk.turns == 0


def test_the_oldest_turns_can_be_left_out_and_dropped():
    talk = conversation("Be brief")
    for number in "123":
        talk.record(f"q{number}", f"a{number}")
    assert [message.content for message in talk.request("q4", skipping=2).messages] == ["Be brief", "q3", "a3", "q4"]
    assert talk.turns == 3
    talk.drop_oldest(2)
    assert [message.content for message in talk.messages] == ["Be brief", "q3", "a3"]


@given(st.lists(st.sampled_from(["record", "clear", "drop"]), max_size=30), st.booleans())
def test_roles_always_alternate(steps, with_system):
    talk = conversation("s" if with_system else None)
    for step in steps:
        {"record": lambda: talk.record("q", "a"), "clear": talk.clear, "drop": lambda: talk.drop_oldest(1)}[step]()
    roles = [message.role for message in talk.request("q").messages]
    if with_system:
        assert roles.pop(0) == "system"
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
