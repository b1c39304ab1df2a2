"""The history of a conversation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.types import Image, Message, Reply, Role, ToolCall


def user(text):
    return Message("user", text)


def test_each_turn_sends_the_system_prompt_and_the_history():
    conversation = Conversation("Be brief")
    conversation.record(user("Hi"), Reply(content="Hello"))
    assert [(message.role, message.content) for message in conversation.messages_with(user("And?"))] == [
        ("system", "Be brief"),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And?"),
    ]


def test_clear_keeps_the_system_prompt():
    conversation = Conversation("Be brief")
    conversation.record(user("Hi"), Reply(content="Hello"))
    conversation.clear()
    assert conversation.messages == (Message("system", "Be brief"),)
    assert conversation.turns == 0


def test_the_oldest_turns_can_be_skipped_and_dropped():
    conversation = Conversation("Be brief")
    for number in "123":
        conversation.record(user(f"q{number}"), Reply(content=f"a{number}"))
    assert [message.content for message in conversation.messages_with(user("q4"), skipping=2)] == [
        "Be brief",
        "q3",
        "a3",
        "q4",
    ]
    assert conversation.turns == 3
    conversation.drop_oldest(2)
    assert [message.content for message in conversation.messages] == ["Be brief", "q3", "a3"]


def test_a_turn_can_replace_the_last_one():
    conversation = Conversation("Be brief")
    for number in "12":
        conversation.record(user(f"q{number}"), Reply(content=f"a{number}"))
    assert [message.content for message in conversation.messages_with(user("q2"), replacing=True)] == [
        "Be brief",
        "q1",
        "a1",
        "q2",
    ]
    conversation.record(user("q2"), Reply(content="b2"), replacing=True)
    assert [message.content for message in conversation.messages] == ["Be brief", "q1", "a1", "q2", "b2"]


def test_a_cut_answer_is_extended():
    conversation = Conversation()
    conversation.record(user("q"), Reply(content="one", finish_reason="length"))
    assert [turn.cut for turn in [conversation.last] if turn] == [True]
    conversation.extend(Reply(content="two", finish_reason="stop"), separator=" ")
    assert [message.content for message in conversation.messages] == ["q", "one two"]
    assert [turn.cut for turn in [conversation.last] if turn] == [False]


def test_replace_keeps_the_statistics_of_unchanged_turns():
    conversation = Conversation("Be brief")
    for number in "12":
        conversation.record(user(f"q{number}"), Reply(content=f"a{number}", finish_reason="stop"))
    conversation.replace([Message("system", "Be long"), *conversation.messages[1:3]])
    assert [turn.reply.content for turn in [conversation.last] if turn and turn.reply] == ["a1"]
    conversation.replace([Message("user", "q1"), Message("assistant", "b1")])
    assert [(turn.reply, turn.cut) for turn in [conversation.last] if turn] == [(None, False)]
    assert conversation.system_prompt is None


def test_turns_in_counts_the_oldest_turns_of_a_share_of_the_request():
    conversation = Conversation("s" * 84)
    for size in (84, 184, 84, 84):
        conversation.record(user("q" * 84), Reply(content="a" * size))
    messages = conversation.messages_with(user("q" * 84))
    # 1100 in total: 100 each for the system prompt and the message; 200, 300, 200 and 200 for the turns.
    shares = [-1.0, 0.0, 0.001, 200 / 1100, 201 / 1100, 0.5, 0.7, 1.0, 9.0]
    assert [conversation.turns_in(share, messages, skipping=0) for share in shares] == [0, 0, 1, 1, 2, 3, 4, 4, 4]
    messages = conversation.messages_with(user("q" * 84), skipping=2)
    assert [conversation.turns_in(share, messages, skipping=2) for share in (0.0, 0.1, 0.5, 1.0)] == [0, 1, 2, 2]


def test_whether_the_last_answer_was_cut_is_restored():
    turns = (Message("user", "q"), Message("assistant", "a")) * 2
    for saved, cut in (
        (SavedConversation(messages=turns), False),
        (SavedConversation(messages=turns, cut=True), True),
    ):
        conversation = Conversation(None, saved)
        assert conversation.last is not None
        assert conversation.last.cut is cut


def test_a_cut_answer_stays_cut_until_its_turn_is_removed():
    turns = (Message("user", "q"), Message("assistant", "a")) * 2
    conversation = Conversation(None, SavedConversation(messages=turns, cut=True))
    conversation.replace([Message("system", "Be brief"), *turns])
    assert [turn.cut for turn in [conversation.last] if turn] == [True]
    conversation.drop_last()
    assert [turn.cut for turn in [conversation.last] if turn] == [False]
    assert Conversation(None, SavedConversation(cut=True)).last is None


@pytest.mark.parametrize("roles", ["u", "uau", "au", "uu", "su", "ss", "usua", "uasu"])
def test_replace_rejects_messages_that_do_not_alternate(roles):
    names: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
    conversation = Conversation("Be brief")
    conversation.record(user("q"), Reply(content="a"))
    with pytest.raises(ValueError, match="alternate"):
        conversation.replace([Message(names[role], "x") for role in roles])
    assert conversation.turns == 1
    assert conversation.system_prompt == "Be brief"


STEPS = ["record", "replace", "extend", "undo", "clear", "drop", "drop last"]


@given(st.lists(st.sampled_from(STEPS), max_size=30), st.booleans())
def test_roles_always_alternate(steps, with_system):
    conversation = Conversation("s" if with_system else None)
    for step in steps:
        match step:
            case "record":
                conversation.record(user("q"), Reply(content="a"))
            case "replace" if conversation.turns:
                conversation.record(user("q"), Reply(content="b"), replacing=True)
            case "extend" if conversation.turns:
                conversation.extend(Reply(content="c"))
            case "undo" if conversation.turns:
                conversation.replace(conversation.messages[:-2])
            case "clear":
                conversation.clear()
            case "drop":
                conversation.drop_oldest(1)
            case "drop last":
                conversation.drop_last()
    roles = [message.role for message in conversation.messages_with(user("q"))]
    if with_system:
        assert roles.pop(0) == "system"
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]


CALLS = Message("assistant", "", tool_calls=(ToolCall("1", "f"), ToolCall("2", "f")))
RESULTS = (Message("tool", "x", tool_call_id="1"), Message("tool", "y", tool_call_id="2"))
WITH_CALLS = (user("q"), CALLS, *RESULTS, CALLS, *RESULTS, Message("assistant", "a"))


def test_a_turn_may_have_calls_of_tools_with_their_results():
    conversation = Conversation(None, SavedConversation(messages=WITH_CALLS * 2, cut=True))
    assert conversation.turns == 2
    assert conversation.messages == WITH_CALLS * 2
    conversation.extend(Reply(content="b", finish_reason="stop"))
    assert conversation.messages == (*WITH_CALLS, *WITH_CALLS[:-1], Message("assistant", "ab"))
    conversation.replace(WITH_CALLS)
    conversation.record(user("q"), Reply(content="", tool_calls=CALLS.tool_calls, finish_reason="tool_calls"))
    assert list(conversation.messages) == [*WITH_CALLS, user("q"), CALLS]


@pytest.mark.parametrize(
    "messages",
    [
        [user("q"), *RESULTS, Message("assistant", "a")],
        [user("q"), CALLS, *RESULTS],
        [user("q"), Message("assistant", "a"), *RESULTS, Message("assistant", "a")],
        [user("q"), CALLS, CALLS],
        [*RESULTS],
    ],
)
def test_results_without_calls_are_refused(messages):
    with pytest.raises(ValueError, match="alternate"):
        Conversation().replace(messages)


def test_what_is_not_a_turn_is_left_out_of_an_earlier_conversation():
    messages = (RESULTS[0], user("x"), *WITH_CALLS, RESULTS[0], user("y"))
    assert Conversation(None, SavedConversation(messages=messages)).messages == WITH_CALLS


def test_an_image_counts_as_much_as_its_tokens():
    conversation = Conversation()
    image = Image(bytes(10**6), "image/png")
    for question in (user("q" * 4000), Message("user", "", images=(image,)), user("q" * 4000)):
        conversation.record(question, Reply(content=""))
    assert [conversation.turns_in(share, conversation.messages, skipping=0) for share in (0.3, 0.6, 0.9)] == [1, 2, 3]
