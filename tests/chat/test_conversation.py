"""What has been said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.types import ChatRequest, Message, Reply, Role


def conversation(system=None):
    return Conversation(ChatRequest(messages=(), model="m", temperature=0.5), system)


def test_each_turn_sends_the_system_prompt_and_the_history():
    talk = conversation("Be brief")
    talk.record("Hi", Reply(content="Hello"))
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
    talk.record("Hi", Reply(content="Hello"))
    talk.clear()
    assert talk.messages == (Message("system", "Be brief"),)
    assert talk.turns == 0


def test_the_oldest_turns_can_be_left_out_and_dropped():
    talk = conversation("Be brief")
    for number in "123":
        talk.record(f"q{number}", Reply(content=f"a{number}"))
    assert [message.content for message in talk.request("q4", skipping=2).messages] == ["Be brief", "q3", "a3", "q4"]
    assert talk.turns == 3
    talk.drop_oldest(2)
    assert [message.content for message in talk.messages] == ["Be brief", "q3", "a3"]


def test_a_turn_may_take_the_place_of_the_last():
    talk = conversation("Be brief")
    for number in "12":
        talk.record(f"q{number}", Reply(content=f"a{number}"))
    assert [message.content for message in talk.request("q2", replacing=True).messages] == [
        "Be brief",
        "q1",
        "a1",
        "q2",
    ]
    talk.record("q2", Reply(content="b2"), replacing=True)
    assert [message.content for message in talk.messages] == ["Be brief", "q1", "a1", "q2", "b2"]


def test_an_answer_that_goes_on():
    talk = conversation()
    talk.record("q", Reply(content="one", finish_reason="length"))
    assert talk.last is not None
    assert talk.last.broke_off
    request = talk.continuation_request()
    assert [message.role for message in request.messages] == ["user", "assistant"]
    assert request.extra == {"continue_final_message": True, "add_generation_prompt": False}
    request = talk.continuation_request(by_asking=True)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.extra == {}
    talk.extend(Reply(content="two", finish_reason="stop"), seam=" ")
    assert [message.content for message in talk.messages] == ["q", "one two"]
    assert not talk.last.broke_off


def test_what_a_command_leaves_keeps_its_figures():
    talk = conversation("Be brief")
    for number in "12":
        talk.record(f"q{number}", Reply(content=f"a{number}", finish_reason="stop"))
    talk.replace([Message("system", "Be long"), *talk.messages[1:3]])
    assert talk.last is not None
    assert talk.last.reply is not None
    assert talk.last.reply.content == "a1"
    talk.replace([Message("user", "q1"), Message("assistant", "b1")])
    assert talk.last.reply is None
    assert not talk.last.broke_off
    assert talk.system_prompt is None


def test_how_many_of_the_oldest_turns_are_too_many():
    talk = conversation("s" * 84)
    for size in (84, 184, 84, 84):
        talk.record("q" * 84, Reply(content="a" * size))
    request = talk.request("q" * 84)
    # 1100 in all, of which the system prompt and the message have 100 each and the turns 200, 300, 200 and 200.
    shares = [-1.0, 0.0, 0.001, 200 / 1100, 201 / 1100, 0.5, 0.7, 1.0, 9.0]
    assert [talk.turns_in(share, request, skipping=0) for share in shares] == [0, 0, 1, 1, 2, 3, 4, 4, 4]
    request = talk.request("q" * 84, skipping=2)
    assert [talk.turns_in(share, request, skipping=2) for share in (0.0, 0.1, 0.5, 1.0)] == [0, 1, 2, 2]


def test_what_was_cut_in_an_earlier_run_goes_on():
    turns = (Message("user", "q"), Message("assistant", "a")) * 2
    for past, cut in (
        (SavedConversation(messages=turns), False),
        (SavedConversation(messages=turns, broke_off=True), True),
    ):
        talk = conversation()
        talk.resume(past)
        assert talk.last is not None
        assert talk.last.broke_off is cut
    talk.replace([Message("system", "Be brief"), *turns])
    assert talk.last.broke_off
    talk.drop_last()
    assert not talk.last.broke_off
    talk.resume(SavedConversation(broke_off=True))
    assert talk.last is None


@pytest.mark.parametrize("roles", ["u", "uau", "au", "uu", "su", "ss", "usua", "uasu"])
def test_what_is_no_conversation(roles):
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    talk = conversation("Be brief")
    talk.record("q", Reply(content="a"))
    with pytest.raises(ValueError, match="alternate"):
        talk.replace([Message(names[role], "x") for role in roles])
    assert talk.turns == 1
    assert talk.system_prompt == "Be brief"


STEPS = ["record", "replace", "extend", "undo", "clear", "drop", "drop last"]


@given(st.lists(st.sampled_from(STEPS), max_size=30), st.booleans())
def test_roles_always_alternate(steps, with_system):
    talk = conversation("s" if with_system else None)
    for step in steps:
        match step:
            case "record":
                talk.record("q", Reply(content="a"))
            case "replace" if talk.turns:
                talk.record("q", Reply(content="b"), replacing=True)
            case "extend" if talk.turns:
                talk.extend(Reply(content="c"))
            case "undo" if talk.turns:
                talk.replace(talk.messages[:-2])
            case "clear":
                talk.clear()
            case "drop":
                talk.drop_oldest(1)
            case "drop last":
                talk.drop_last()
    roles = [message.role for message in talk.request("q").messages]
    if with_system:
        assert roles.pop(0) == "system"
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
