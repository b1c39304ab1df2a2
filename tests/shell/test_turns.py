"""Commands for the conversation: retry, undo, continue, history, system, tokens; and trimming."""

import asyncio

import pytest

from kaito.errors import Ended, ExitCode, Interrupted, ModelError, StreamError, WindowError
from kaito.types import Delta, ModelInfo, Target, Usage
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
    assert err == "(cut by the token limit; /continue continues, /set max-tokens raises the limit)\n"
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
    assert out.count("A") == (2 if output == "plain" else 1)  # the one of `Assistant`
    assert out.count("\n") == 1
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
    assert ShellHarness("/history", settings={"system_prompt": None}).run() == ("", "The conversation is empty\n")


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


def test_tokens_of_a_removed_turn_are_not_shown():
    harness = ShellHarness("a", "clear", "/tokens", settings={"system_prompt": None})
    out, _ = harness.run()
    assert out.endswith("Tokens:\n  Conversation: 0 tokens\n  Window: not reported by the server\n")
    assert len(harness.server.requests) == 1


def test_tokens_stops_waiting_for_a_count(monkeypatch):
    monkeypatch.setattr("kaito.chat.session.COUNT_TIMEOUT", 0.01)
    harness = ShellHarness("a", "/tokens")
    statuses = []
    monkeypatch.setattr(harness.terminal, "status", statuses.append)

    async def never(request):
        await asyncio.Event().wait()

    monkeypatch.setattr(harness.server, "count_tokens", never)
    out, _ = harness.run()
    assert "  Conversation: 4 tokens, by the last turn's count\n" in out
    assert statuses[-2:] == ["counting tokens", ""]


# Interrupted and empty answers


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
