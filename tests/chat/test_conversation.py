"""The history of a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.types import Message, Reply, Role


def test_each_turn_sends_the_system_prompt_and_the_history():
    talk = Conversation("Be brief")
    talk.record("Hi", Reply(content="Hello"))
    assert [(message.role, message.content) for message in talk.messages_with("And?")] == [
        ("system", "Be brief"),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And?"),
    ]


def test_clear_keeps_the_system_prompt():
    talk = Conversation("Be brief")
    talk.record("Hi", Reply(content="Hello"))
    talk.clear()
    assert talk.messages == (Message("system", "Be brief"),)
    assert talk.turns == 0


def test_the_oldest_turns_can_be_left_out_and_dropped():
    talk = Conversation("Be brief")
    for number in "123":
        talk.record(f"q{number}", Reply(content=f"a{number}"))
    assert [message.content for message in talk.messages_with("q4", skipping=2)] == ["Be brief", "q3", "a3", "q4"]
    assert talk.turns == 3
    talk.drop_oldest(2)
    assert [message.content for message in talk.messages] == ["Be brief", "q3", "a3"]


def test_a_turn_can_replace_the_last():
    talk = Conversation("Be brief")
    for number in "12":
        talk.record(f"q{number}", Reply(content=f"a{number}"))
    assert [message.content for message in talk.messages_with("q2", replacing=True)] == [
        "Be brief",
        "q1",
        "a1",
        "q2",
    ]
    talk.record("q2", Reply(content="b2"), replacing=True)
    assert [message.content for message in talk.messages] == ["Be brief", "q1", "a1", "q2", "b2"]


def test_a_cut_answer_is_extended():
    talk = Conversation()
    talk.record("q", Reply(content="one", finish_reason="length"))
    assert [turn.cut for turn in [talk.last] if turn] == [True]
    talk.extend(Reply(content="two", finish_reason="stop"), separator=" ")
    assert [message.content for message in talk.messages] == ["q", "one two"]
    assert [turn.cut for turn in [talk.last] if turn] == [False]


def test_turns_that_a_command_does_not_change_keep_their_statistics():
    talk = Conversation("Be brief")
    for number in "12":
        talk.record(f"q{number}", Reply(content=f"a{number}", finish_reason="stop"))
    talk.replace([Message("system", "Be long"), *talk.messages[1:3]])
    assert [turn.reply.content for turn in [talk.last] if turn and turn.reply] == ["a1"]
    talk.replace([Message("user", "q1"), Message("assistant", "b1")])
    assert [(turn.reply, turn.cut) for turn in [talk.last] if turn] == [(None, False)]
    assert talk.system_prompt is None


def test_the_oldest_turns_that_make_up_a_share_of_the_request():
    talk = Conversation("s" * 84)
    for size in (84, 184, 84, 84):
        talk.record("q" * 84, Reply(content="a" * size))
    messages = talk.messages_with("q" * 84)
    # 1100 in all, of which the system prompt and the message have 100 each and the turns 200, 300, 200 and 200.
    shares = [-1.0, 0.0, 0.001, 200 / 1100, 201 / 1100, 0.5, 0.7, 1.0, 9.0]
    assert [talk.turns_in(share, messages, skipping=0) for share in shares] == [0, 0, 1, 1, 2, 3, 4, 4, 4]
    messages = talk.messages_with("q" * 84, skipping=2)
    assert [talk.turns_in(share, messages, skipping=2) for share in (0.0, 0.1, 0.5, 1.0)] == [0, 1, 2, 2]


def test_an_answer_that_was_cut_in_an_earlier_run_can_be_continued():
    turns = (Message("user", "q"), Message("assistant", "a")) * 2
    for past, cut in (
        (SavedConversation(messages=turns), False),
        (SavedConversation(messages=turns, cut=True), True),
    ):
        talk = Conversation(None, past)
        assert talk.last is not None
        assert talk.last.cut is cut


def test_a_cut_answer_stays_cut_while_its_turn_stays():
    turns = (Message("user", "q"), Message("assistant", "a")) * 2
    talk = Conversation(None, SavedConversation(messages=turns, cut=True))
    talk.replace([Message("system", "Be brief"), *turns])
    assert [turn.cut for turn in [talk.last] if turn] == [True]
    talk.drop_last()
    assert [turn.cut for turn in [talk.last] if turn] == [False]
    assert Conversation(None, SavedConversation(cut=True)).last is None


@pytest.mark.parametrize("roles", ["u", "uau", "au", "uu", "su", "ss", "usua", "uasu"])
def test_messages_that_do_not_alternate_are_refused(roles):
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    talk = Conversation("Be brief")
    talk.record("q", Reply(content="a"))
    with pytest.raises(ValueError, match="alternate"):
        talk.replace([Message(names[role], "x") for role in roles])
    assert talk.turns == 1
    assert talk.system_prompt == "Be brief"


STEPS = ["record", "replace", "extend", "undo", "clear", "drop", "drop last"]


@given(st.lists(st.sampled_from(STEPS), max_size=30), st.booleans())
def test_roles_always_alternate(steps, with_system):
    talk = Conversation("s" if with_system else None)
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
    roles = [message.role for message in talk.messages_with("q")]
    if with_system:
        assert roles.pop(0) == "system"
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
