"""Commands for the conversation: retry, undo, continue, history, system, tokens; and trimming."""

import json

import pytest

from kaito import hookimpl
from kaito.errors import Ended, ExitCode, Interrupted, ModelError, ShellHint, StreamError, WindowError
from kaito.types import Delta, Message, ModelInfo, Target, Usage
from tests.shell.harness import ShellHarness

CUT = [Delta(content="one tw", finish_reason="length")]
REFUSED = ModelError("roles must alternate (HTTP 400)", status=400)
BLANK = [Delta(reasoning="hm"), Delta(content="\n\n", finish_reason="length")]


def texts(request):
    return [message.content for message in request.messages if message.role != "system"]


# /retry


def test_retry_sends_a_failed_turn_again():
    harness = ShellHarness("a", "b", "/retry", keep_going=True)
    harness.server.answers = ["A", ModelError("engine died"), "B"]
    out, _ = harness.run()
    assert out == "Assistant: A\nAssistant: B\n"
    assert [texts(request) for request in harness.server.requests] == [["a"], ["a", "A", "b"], ["a", "A", "b"]]
    assert harness.texts == ["a", "A", "b", "B"]


def test_retry_sends_an_interrupted_message_again():
    harness = ShellHarness("a", "/retry", interactive=True)
    harness.server.answers = [Interrupted(), "A"]
    harness.run()
    assert harness.texts == ["a", "A"]


def test_retry_replaces_a_complete_turn():
    harness = ShellHarness("a", "b", "/retry")
    harness.server.answers = ["A", "B", "C"]
    harness.run()
    assert texts(harness.server.requests[-1]) == ["a", "A", "b"]
    assert harness.texts == ["a", "A", "b", "C"]


def test_retry_keeps_the_answer_until_there_is_another():
    harness = ShellHarness("a", "/retry", "/retry", keep_going=True)
    harness.server.answers = ["A", ModelError("engine died"), "B"]
    harness.run()
    assert harness.texts == ["a", "B"]
    harness = ShellHarness("a", "/retry", keep_going=True)
    harness.server.answers = ["A", [Delta(content="half"), StreamError("broke off")]]
    harness.run()
    assert harness.texts == ["a", "A"]


@pytest.mark.parametrize("lines", [["/retry"], ["a", "clear", "/retry"]])
def test_retry_without_a_message(lines):
    harness = ShellHarness(*lines)
    _, err = harness.run()
    assert "There is no message to send again\n" in err
    assert harness.shell.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("before", ["A", [Delta(content="part "), Interrupted()]])
def test_an_interrupted_retry_keeps_the_answer(before):
    harness = ShellHarness("a", "/retry", "/retry", interactive=True)
    harness.server.answers = [before, [Delta(content="frag"), Interrupted()], "B"]
    harness.run()
    assert harness.texts == ["a", "B"]
    harness = ShellHarness("a", "/retry", interactive=True)
    harness.server.answers = [before, [Delta(content="frag"), Interrupted()]]
    _, err = harness.run()
    assert harness.texts == ["a", "A" if before == "A" else "part "]
    assert err.endswith("(stopped; the conversation is unchanged)\n\n👋 Goodbye!\n")


def test_a_retry_interrupted_after_its_end_replaces_the_answer():
    harness = ShellHarness("a", "/retry", interactive=True)
    harness.server.answers = ["A", [Delta(content="B", finish_reason="stop"), Interrupted()]]
    harness.run()
    assert harness.texts == ["a", "B"]


def test_a_failed_message_is_kept_by_system_and_removed_by_undo():
    harness = ShellHarness("a", "b", "/system Be long", "/retry", keep_going=True)
    harness.server.answers = ["A", ModelError("x")]
    harness.run()
    assert harness.texts == ["a", "A", "b", "b"]
    harness = ShellHarness("b", "/undo", "/retry", keep_going=True)
    harness.server.answers = [ModelError("x")]
    _, err = harness.run()
    assert "no message to send again" in err


# /undo


def test_undo_removes_the_last_turn():
    harness = ShellHarness("a", "b  " + "long " * 20, "/undo", "c")
    _, err = harness.run()
    assert harness.texts == ["a", "a", "c", "c"]
    assert err == f"Removed: b {'long ' * 11}lo…\n"


def test_undo_shortens_the_message_by_its_width():
    _, err = ShellHarness("長" * 40, "/undo").run()
    assert err == f"Removed: {'長' * 29}…\n"


@pytest.mark.parametrize("failure", [ModelError("x"), StreamError("broke off"), Interrupted()])
@pytest.mark.parametrize("message", ["a", "b"])
def test_undo_removes_a_failed_message_before_a_turn(failure, message):
    harness = ShellHarness("a", message, "/undo", "/undo", interactive=True)
    harness.server.answers = ["A", failure]
    _, err = harness.run()
    assert f"Removed: {message}\n\nRemoved: a\n" in err
    harness = ShellHarness("a", message, "/undo", "/retry", interactive=True)
    harness.server.answers = ["A", failure, "B"]
    harness.run()
    assert harness.texts == ["a", "B"]


def test_a_failed_retry_is_not_a_turn_of_its_own():
    harness = ShellHarness("a", "b", "/retry", "/undo", keep_going=True)
    harness.server.answers = ["A", "B", ModelError("x")]
    harness.run()
    assert harness.texts == ["a", "A"]


def test_undo_without_a_turn():
    _, err = ShellHarness("/undo").run()
    assert err.startswith("❌ Error: There is no turn to undo\n")


# /continue


def test_continue_extends_a_cut_answer():
    harness = ShellHarness("q", "/continue", "and?")
    harness.server.answers = [CUT, [Delta(content="o three", finish_reason="stop")]]
    out, err = harness.run()
    assert out == "Assistant: one tw\nAssistant: o three\nAssistant: and?\n"
    assert err == "(cut by the token limit; --max-tokens raises the limit)\n"
    request = harness.server.requests[1]
    assert [message.role for message in request.messages] == ["system", "user", "assistant"]
    assert request.extra == {"continue_final_message": True, "add_generation_prompt": False}
    assert texts(harness.server.requests[2]) == ["q", "one two three", "and?"]


def test_continue_extends_an_answer_that_is_cut_twice():
    harness = ShellHarness("q", "/continue", "/continue")
    harness.server.answers = [CUT, [Delta(content="o thr", finish_reason="length")], "ee"]
    harness.run()
    assert harness.texts == ["q", "one two three"]


def test_continue_sends_a_user_message_to_a_server_that_requires_one():
    harness = ShellHarness("q", "/continue", "/continue")
    more = [Delta(content="two", finish_reason="length")]
    harness.server.answers = [[Delta(content="one", finish_reason="length")], REFUSED, more, "three"]
    harness.run()
    assert harness.texts == ["q", "one two three"]
    roles = [[message.role for message in request.messages][1:] for request in harness.server.requests]
    # The second time, the server's requirement is known.
    assert roles == [["user"], ["user", "assistant"], *[["user", "assistant", "user"]] * 2]
    assert harness.server.requests[-1].extra == {}


def test_continue_extends_an_interrupted_answer():
    harness = ShellHarness("q", "/continue", interactive=True)
    harness.server.answers = [[Delta(content="one "), Interrupted()], [Delta(content="two "), Interrupted()]]
    harness.run()
    assert harness.texts == ["q", "one two "]


@pytest.mark.parametrize(
    "error",
    [
        WindowError(9, 8),
        StreamError("broke off"),
        Interrupted(),
        ModelError("engine died (HTTP 500)", status=500),
        # In mid-stream, after text was shown.
        [Delta(content="o three"), ModelError("engine died")],
    ],
)
def test_a_failed_continuation_changes_nothing(error):
    harness = ShellHarness("q", "/continue", "/continue", interactive=True)
    harness.server.answers = [CUT, error, "o"]
    harness.run()
    assert harness.texts == ["q", "one two"]
    roles = [[message.role for message in request.messages][1:] for request in harness.server.requests]
    assert roles == [["user"], ["user", "assistant"], ["user", "assistant"]]


def test_a_blank_continuation_changes_nothing():
    harness = ShellHarness("q", "/continue", interactive=True)
    harness.server.answers = [CUT, [Delta(content="\n\n"), Interrupted()]]
    harness.run()
    assert harness.texts == ["q", "one tw"]


@pytest.mark.parametrize("output", ["plain", "json"])
def test_a_rejected_continue_shows_no_answer(output):
    harness = ShellHarness("q", "/continue", settings={"output": output})
    harness.server.answers = ["A"]
    out, err = harness.run()
    if output == "plain":
        assert out == "Assistant: A\n"
    else:
        answer, failure = map(json.loads, out.splitlines())
        assert (answer["text"], failure["text"], failure["error"]["message"]) == ("A", None, "No answer was cut")
    assert "No answer was cut\n" in err


@pytest.mark.parametrize("lines", [["/continue"], ["q", "/continue"]])
def test_continue_without_a_cut_answer(lines):
    harness = ShellHarness(*lines)
    _, err = harness.run()
    assert "No answer was cut\n" in err
    assert len(harness.server.requests) == len(lines) - 1


# /history, /system, /tokens


def test_history_is_sanitized():
    harness = ShellHarness("a\x1b[2J", "b", "/history", settings={"system_prompt": "Be\x1b[2J brief"})
    harness.server.answers = ["A\nA\x1b[2J\n", "B"]
    out, _ = harness.run()
    assert out.endswith("\nSystem prompt: Be brief\n\n> a\nAssistant: A\nA\n\n> b\nAssistant: B\n")
    assert "\x1b" not in out


def test_history_of_an_empty_conversation():
    for line in ("/history", "/history word"):
        assert ShellHarness(line, settings={"system_prompt": None}).run() == ("", "The conversation is empty\n")


def test_system_shows_replaces_and_removes_the_system_prompt():
    harness = ShellHarness("a", "/system", "/system Be long", "/system", "/system none", "/system", "b")
    out, err = harness.run()
    assert out == "Assistant: a\nBe brief\nBe long\n(none)\nAssistant: b\n"
    assert err == "System prompt replaced\nSystem prompt removed\n"
    assert [message.role for message in harness.server.requests[-1].messages] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("count", "window", "message"),
    [
        (9, 18, "  Conversation: 9 tokens, 50% of the window\n  Window: 18 tokens\n"),
        (9, None, "  Conversation: 9 tokens\n  Window: not reported by the server\n"),
        (None, 14, "  Conversation: 7 tokens, 50% of the window, by the last turn's count\n  Window: 14 tokens\n"),
        (None, None, "  Conversation: 7 tokens, by the last turn's count\n  Window: not reported by the server\n"),
    ],
)
def test_tokens(count, window, message):
    models = [ModelInfo(name="m", window=window)]
    harness = ShellHarness("a", "/tokens", models=models, settings={"target": Target(model="m")})
    harness.server.token_count = count
    usage = Usage(prompt_tokens=4, completion_tokens=3, cached_tokens=2)
    harness.server.answers = [[Delta(content="A", finish_reason="stop", usage=usage)]]
    out, _ = harness.run()
    assert out == f"Assistant: A\nTokens:\n  Last turn: 4 prompt (2 cached) + 3 completion tokens\n{message}"


@pytest.mark.parametrize("lines", [["a", "/tokens"], ["/tokens"]])
def test_tokens_without_a_count_are_not_guessed(lines):
    harness = ShellHarness(*lines)
    harness.server.answers = [[Delta(content="A", finish_reason="stop")]]
    _, err = harness.run()
    assert "The server does not count the conversation's tokens\n   It has no /tokenize" in err


class Redaction:
    """A plugin."""

    @hookimpl
    def kaito_request(self, request):
        return request.replace(messages=tuple(Message(one.role, "***") for one in request.messages))


def test_tokens_sends_what_the_plugins_leave():
    harness = ShellHarness("my secret", "/tokens")
    harness.server.token_count = 5
    harness.session._plugins.add(Redaction(), "redaction", "redaction", "1.0")
    harness.run()
    assert len(harness.server.requests) == 2
    assert {message.content for request in harness.server.requests for message in request.messages} == {"***"}


def test_tokens_of_a_removed_turn_are_not_shown():
    harness = ShellHarness("a", "clear", "/tokens", settings={"system_prompt": None})
    out, _ = harness.run()
    assert out.endswith("Tokens:\n  Conversation: 0 tokens\n  Window: not reported by the server\n")
    assert len(harness.server.requests) == 1


def test_tokens_shows_that_the_server_counts(monkeypatch):
    harness = ShellHarness("a", "/tokens")
    statuses = []
    monkeypatch.setattr(harness.terminal, "status", statuses.append)
    out, _ = harness.run()
    assert "  Conversation: 4 tokens, by the last turn's count\n" in out
    assert statuses[-2:] == ["counting tokens", ""]


def test_tokens_knows_the_window_that_an_error_reported():
    harness = ShellHarness("a", "/tokens")
    harness.server.windows["m\x1b[2J"] = 20
    harness.server.token_count = 5
    out, _ = harness.run()
    assert "  Conversation: 5 tokens, 25% of the window\n  Window: 20 tokens\n" in out


# Failed turns

BROKEN = [Delta(content="The answer "), StreamError("The stream ended early")]


def test_continue_continues_the_answer_of_a_failed_turn():
    harness = ShellHarness("a", "b", "/continue", "c", keep_going=True)
    harness.server.answers = ["first", BROKEN, [Delta(content="is 4.", finish_reason="stop")]]
    out, err = harness.run()
    assert out == "Assistant: first\nAssistant: The answer \nAssistant: is 4.\nAssistant: c\n"
    assert [message.content for message in harness.server.requests[2].messages[1:]] == [
        "a",
        "first",
        "b",
        "The answer ",
    ]
    assert harness.server.requests[2].extra["continue_final_message"] is True
    assert harness.texts == ["a", "first", "b", "The answer is 4.", "c", "c"]
    assert err == "❌ Model Error: The stream ended early\n"


def test_continue_continues_a_failed_turn_that_fails_again():
    harness = ShellHarness("b", "/continue", "/continue", keep_going=True)
    again = [Delta(content="is "), StreamError("The stream ended early")]
    harness.server.answers = [BROKEN, again, [Delta(content="4.", finish_reason="stop")]]
    harness.run()
    assert harness.texts == ["b", "The answer is 4."]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (("The answer", "is", "4."), "The answer is 4."),
        (("The answer ", "is ", "4."), "The answer is 4."),
        (("The answer", ", then", "is 4."), "The answer, then is 4."),
        (("The answer", "", "is 4."), "The answer is 4."),
    ],
)
def test_continue_by_a_message_that_fails_glues_no_words(parts, whole):
    harness = ShellHarness("b", "/continue", "/continue", keep_going=True)
    refused = ModelError("the last message must be the user's", status=400)
    failed = [[Delta(content=part), StreamError("The stream ended early")] for part in parts[:2]]
    harness.server.answers = [failed[0], refused, failed[1], refused, parts[2]]
    harness.run()
    assert harness.texts == ["b", whole]


def test_continue_of_a_message_in_its_first_form_adds_nothing():
    harness = ShellHarness("b", "/continue", "/continue", keep_going=True)
    failed = [[Delta(content=part), StreamError("The stream ended early")] for part in ("The ans", "we")]
    harness.server.answers = [*failed, "r"]
    harness.run()
    assert harness.texts == ["b", "The answer"]


def test_continue_asks_a_server_that_requires_a_user_message_last():
    harness = ShellHarness("b", "/continue", keep_going=True)
    refused = ModelError("the last message must be the user's", status=400)
    harness.server.answers = [BROKEN, refused, [Delta(content="is 4.", finish_reason="stop")]]
    harness.run()
    assert [message.role for message in harness.server.requests[2].messages[1:]] == ["user", "assistant", "user"]
    assert harness.texts == ["b", "The answer is 4."]


def test_retry_after_a_failed_turn_sends_the_message_again():
    harness = ShellHarness("b", "/retry", keep_going=True)
    harness.server.answers = [BROKEN, "4"]
    harness.run()
    assert harness.texts == ["b", "4"]


def test_continue_after_a_turn_that_failed_before_the_first_word():
    harness = ShellHarness("b", "/continue", keep_going=True)
    harness.server.answers = [StreamError("The stream ended early")]
    _, err = harness.run()
    assert "No answer was cut" in err


# Interrupted and empty answers


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([Delta(finish_reason="stop")], "The answer is empty\n"),
        ([Delta(content=" \n", finish_reason="stop")], "The answer is empty\n"),
        ([Delta(reasoning="hm", finish_reason="stop")], "The answer is empty: the model sent only its reasoning\n"),
        ([Delta(finish_reason="length")], "The answer is empty: the token limit was met before it began\n"),
        ([Delta(finish_reason="tool_calls")], "The answer is empty: the model called a tool, and kaito runs none\n"),
        (
            [Delta(finish_reason="content_filter")],
            "The answer is empty: the server's content filter withheld the answer\n",
        ),
    ],
)
def test_an_answer_without_a_word_is_a_failure_in_a_script(answer, message):
    harness = ShellHarness("a", "b")
    harness.server.answers = [answer]
    out, err = harness.run()
    assert (out, harness.shell.exit_code) == ("", ExitCode.FAILED)
    assert f"❌ Model Error: {message}" in err
    assert harness.texts == []


@pytest.mark.parametrize(
    ("reason", "usage", "remark", "in_a_script"),
    [
        ("content_filter", (1, 2), "the server's content filter cut the answer", None),
        ("tool_calls", (1, 2), "the model called a tool; kaito runs none", None),
        (
            "length",
            (1, 2),
            "cut by the token limit after 2 tokens; /continue continues, /set max-tokens raises the limit",
            "cut by the token limit after 2 tokens; --max-tokens raises the limit",
        ),
        (
            "MAX_TOKENS",
            (1, 2),
            "cut by the token limit after 2 tokens; /continue continues, /set max-tokens raises the limit",
            "cut by the token limit after 2 tokens; --max-tokens raises the limit",
        ),
        (
            "length",
            (90, 10),
            "cut by the context window of 100 tokens after 10 tokens; 'clear' or '/set trim on' frees it",
            "cut by the context window of 100 tokens after 10 tokens",
        ),
        ("eos", (1, 2), "", None),
    ],
)
@pytest.mark.parametrize("interactive", [True, False])
def test_the_end_of_an_answer_is_remarked_on(reason, usage, remark, in_a_script, interactive):
    harness = ShellHarness(
        "a",
        settings={"target": Target(model="m")},
        models=[ModelInfo(name="m", window=100)],
        interactive=interactive,
    )
    tokens = Usage(prompt_tokens=usage[0], completion_tokens=usage[1])
    harness.server.answers = [[Delta(content="Hi", finish_reason=reason, usage=tokens)]]
    out, err = harness.run()
    expected = remark if interactive or in_a_script is None else in_a_script
    assert "Assistant: Hi\n" in out
    remarks = [line for line in err.splitlines() if line.startswith("(") and not line.startswith("(host ")]
    assert remarks == ([f"({expected})"] if expected else [])


def test_a_window_that_a_script_has_filled_names_a_flag():
    harness = ShellHarness("a", "b", settings={"target": Target(model="m")}, models=[ModelInfo(name="m", window=100)])
    full = Usage(prompt_tokens=90, completion_tokens=10)
    harness.server.answers = ["A", [Delta(content="B", finish_reason="length", usage=full)]]
    _, err = harness.run()
    assert err == "(cut by the context window of 100 tokens after 10 tokens; --trim drops the oldest turns)\n"


def test_a_closing_tag_without_an_opening_one_is_not_in_the_history_and_in_json():
    harness = ShellHarness("a", settings={"output": "json"})
    harness.server.answers = [[Delta(content="hm\n</thi"), Delta(content="nk>\n\nyes", finish_reason="stop")]]
    out, _ = harness.run()
    assert (json.loads(out)["text"], json.loads(out)["reasoning"]) == ("yes", "hm\n")
    assert harness.texts == ["a", "yes"]


def test_an_interrupted_answer_is_marked():
    harness = ShellHarness("a", "b", "c", interactive=True)
    harness.server.answers = [[Delta(content="half"), Interrupted()], Interrupted()]
    out, err = harness.run()
    assert out == "Assistant: half\nAssistant: c\n"
    assert err.endswith("\n\n(stopped)\n\n(stopped; the conversation is unchanged)\n\n\n👋 Goodbye!\n")
    assert harness.texts == ["a", "half", "c", "c"]


@pytest.mark.parametrize(("stop", "interactive"), [(Interrupted(), False), (Ended(15), True)])
def test_an_interrupted_answer_is_not_marked_when_the_process_ends(stop, interactive):
    harness = ShellHarness("a", interactive=interactive)
    harness.server.answers = [[Delta(content="half"), stop]]
    with pytest.raises(type(stop)):
        harness.run()
    assert harness.out.getvalue() == "Assistant: half\n"
    assert "stopped" not in harness.err.getvalue()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            BLANK,
            "(cut by the token limit, before the answer began; /set max-tokens raises the limit)\n(empty answer; the conversation is unchanged)\n",
        ),
        ([Delta(finish_reason="stop")], "(empty answer; the conversation is unchanged)\n"),
        ([Delta(content="\n\n"), Interrupted()], "(stopped; the conversation is unchanged)\n"),
    ],
)
def test_an_empty_answer_is_not_a_turn(answer, message):
    harness = ShellHarness("a", "b", "/retry", interactive=True)
    harness.server.answers = ["A", answer]
    _, err = harness.run()
    assert message in err
    assert [texts(request) for request in harness.server.requests[1:]] == [["a", "A", "b"]] * 2
    assert harness.texts == ["a", "A", "b", "b"]


@pytest.mark.parametrize(
    "full", [lambda: WindowError(9, 8), lambda: ModelError("x", ShellHint("drop turns ('clear')", "send less"))]
)
def test_clear_is_suggested_only_if_it_frees_something(full):
    first, second = (ShellHarness(*questions, interactive=True) for questions in (["a"], ["a", "b"]))
    first.server.answers, second.server.answers = [full()], ["A", full()]
    assert "'clear'" not in "".join(first.run())
    assert "'clear'" in "".join(second.run())


def test_clear_is_not_suggested_for_an_answer_that_was_cut_before_it_began():
    models = [ModelInfo(name="m", window=100)]
    harness = ShellHarness("a", settings={"target": Target(model="m")}, models=models, interactive=True)
    full = Usage(prompt_tokens=99, completion_tokens=1)
    harness.server.answers = [[Delta(reasoning="hm", finish_reason="length", usage=full)]]
    out = "".join(harness.run())
    assert "before the answer began" in out
    assert "'clear'" not in out


# --trim


def test_trimming_is_reported_once_and_keeps_the_system_prompt():
    harness = ShellHarness("a", "b", "c", "clear", "d", "e", settings={"trim": True})
    full = WindowError(9, 8)
    harness.server.answers = ["A", full, "B", full, "C", "D", full, "E"]
    _, err = harness.run()
    assert harness.texts == ["e", "E"]
    assert [message.role for message in harness.server.requests[-1].messages] == ["system", "user"]
    assert err.count("dropped to fit the model's window (--trim)") == 2  # again after `clear`


def test_retry_trims_the_remaining_turns():
    harness = ShellHarness("a", "b", "/retry", "/set trim off", "/retry", settings={"trim": True}, keep_going=True)
    harness.server.answers = ["A", "B", WindowError(9, 8), "C", WindowError(9, 8)]
    harness.run()
    assert harness.texts == ["b", "C"]


def test_trimming_without_the_server_s_numbers_takes_few_requests():
    turns = [str(number) for number in range(100)]
    harness = ShellHarness(*turns, "last", settings={"trim": True})
    harness.server.answers = [*turns, *[WindowError(None, None)] * 5, "L"]
    harness.run()
    # 1, 2, 4, 8 and 16 turns are dropped.
    assert harness.texts == [*(text for text in turns[31:] for _ in "qa"), "last", "L"]
    assert len(harness.server.requests) == 106


def test_an_empty_answer_drops_no_turn():
    harness = ShellHarness("a", "b", settings={"trim": True})
    harness.server.answers = ["A", WindowError(9, 8), BLANK]
    _, err = harness.run()
    assert harness.texts == ["a", "A"]
    assert "dropped" not in err


# kaito_reply


def test_the_reply_hook_sees_every_answer_that_is_kept_with_its_outcome():
    seen = []

    class Seen:
        @hookimpl
        def kaito_reply(self, request, reply):
            seen.append((request.messages[-1].content, reply.content, reply.outcome, reply.continued))

    filtered = [Delta(content="no", finish_reason="content_filter")]
    lines = ["a", "b", "/continue", "c", "d", "e", "f", "/continue"]
    harness = ShellHarness(*lines, interactive=True, plugins=[Seen()])
    harness.server.answers = [
        "A",
        CUT,
        " more",
        [Delta(content="half"), Interrupted()],
        BLANK,
        filtered,
        [Delta(content="bro"), StreamError("broke off")],
        "ken",
    ]
    harness.run()
    assert seen == [
        ("a", "A", "complete", False),
        ("b", "one tw", "cut", False),
        ("one tw", "one tw more", "complete", True),
        ("c", "half", "interrupted", False),
        ("e", "no", "cut", False),
        ("bro", "broken", "complete", True),
    ]
