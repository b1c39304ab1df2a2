"""The commands for the conversation: sent again, taken back, gone on with, shown."""

import pytest

from kaito.errors import ExitCode, Interrupted, ModelError, StreamError, WindowError
from kaito.types import Delta, ModelInfo, Target, Usage

from .bench import Bench

CUT = [Delta(content="one tw", finish_reason="length")]
REFUSED = ModelError("roles must alternate (HTTP 400)")


def words(request):
    return [message.content for message in request.messages if message.role != "system"]


# /retry


def test_a_turn_that_failed_is_sent_again():
    bench = Bench("a", "b", "/retry", keep_going=True)
    bench.server.answers = ["A", ModelError("engine died"), "B"]
    out, _ = bench.run()
    assert out == "Assistant: A\nAssistant: B\n"
    assert [words(request) for request in bench.server.requests] == [["a"], ["a", "A", "b"], ["a", "A", "b"]]
    assert bench.said == ["a", "A", "b", "B"]


def test_a_message_that_was_taken_back_is_sent_again():
    bench = Bench("a", "/retry", interactive=True)
    bench.server.answers = [Interrupted(), "A"]
    bench.run()
    assert bench.said == ["a", "A"]


def test_a_complete_turn_is_replaced():
    bench = Bench("a", "b", "/retry")
    bench.server.answers = ["A", "B", "C"]
    bench.run()
    assert words(bench.server.requests[-1]) == ["a", "A", "b"]
    assert bench.said == ["a", "A", "b", "C"]


def test_an_answer_stays_until_there_is_another():
    bench = Bench("a", "/retry", "/retry", keep_going=True)
    bench.server.answers = ["A", ModelError("engine died"), "B"]
    bench.run()
    assert bench.said == ["a", "B"]
    bench = Bench("a", "/retry", keep_going=True)
    bench.server.answers = ["A", [Delta(content="half"), StreamError("broke off")]]
    bench.run()
    assert bench.said == ["a", "A"]


@pytest.mark.parametrize("lines", [["/retry"], ["a", "clear", "/retry"]])
def test_nothing_to_send_again(lines):
    bench = Bench(*lines)
    _, err = bench.run()
    assert "There is no message to send again\n" in err
    assert bench.shell.exit_code is ExitCode.USAGE


def test_a_failed_message_outlasts_another_system_prompt_and_not_an_undo():
    bench = Bench("a", "b", "/system Be long", "/retry", keep_going=True)
    bench.server.answers = ["A", ModelError("x")]
    bench.run()
    assert bench.said == ["a", "A", "b", "b"]
    bench = Bench("a", "b", "/undo", "/retry", keep_going=True)
    bench.server.answers = ["A", ModelError("x")]
    _, err = bench.run()
    assert "no message to send again" in err


# /undo


def test_the_last_turn_is_taken_back():
    bench = Bench("a", "b  " + "long " * 20, "/undo", "c")
    _, err = bench.run()
    assert bench.said == ["a", "a", "c", "c"]
    assert err == f"Taken back: b {'long ' * 11}lon…\n"


def test_nothing_to_take_back():
    _, err = Bench("/undo").run()
    assert err.startswith("❌ Error: There is no turn to take back\n")


# /continue


def test_an_answer_goes_on_where_it_was_cut():
    bench = Bench("q", "/continue", "and?")
    bench.server.answers = [CUT, [Delta(content="o three", finish_reason="stop")]]
    out, err = bench.run()
    assert out == "Assistant: one tw\nAssistant: o three\nAssistant: and?\n"
    assert err == "(cut by the limit: --max-tokens)\n"
    request = bench.server.requests[1]
    assert [message.role for message in request.messages] == ["system", "user", "assistant"]
    assert request.extra == {"continue_final_message": True, "add_generation_prompt": False}
    assert words(bench.server.requests[2]) == ["q", "one two three", "and?"]


def test_an_answer_may_be_cut_twice():
    bench = Bench("q", "/continue", "/continue")
    bench.server.answers = [CUT, [Delta(content="o thr", finish_reason="length")], "ee"]
    bench.run()
    assert bench.said == ["q", "one two three"]


def test_a_server_that_wants_the_user_to_speak_last_is_asked_in_words():
    bench = Bench("q", "/continue", "/continue")
    more = [Delta(content="two", finish_reason="length")]
    bench.server.answers = [[Delta(content="one", finish_reason="length")], REFUSED, more, "three"]
    bench.run()
    assert bench.said == ["q", "one two three"]
    roles = [[message.role for message in request.messages][1:] for request in bench.server.requests]
    # Known the second time.
    assert roles == [["user"], ["user", "assistant"], *[["user", "assistant", "user"]] * 2]
    assert bench.server.requests[-1].extra == {}


def test_an_interrupted_answer_goes_on():
    bench = Bench("q", "/continue", interactive=True)
    bench.server.answers = [[Delta(content="one "), Interrupted()], [Delta(content="two "), Interrupted()]]
    bench.run()
    assert bench.said == ["q", "one two "]


@pytest.mark.parametrize("error", [WindowError(9, 8), StreamError("broke off"), Interrupted()])
def test_going_on_that_fails_changes_nothing(error):
    bench = Bench("q", "/continue", interactive=True)
    bench.server.answers = [CUT, error]
    bench.run()
    assert bench.said == ["q", "one tw"]
    assert len(bench.server.requests) == 2


@pytest.mark.parametrize("lines", [["/continue"], ["q", "/continue"]])
def test_nothing_to_go_on_with(lines):
    bench = Bench(*lines)
    _, err = bench.run()
    assert "There is no answer that was cut\n" in err
    assert len(bench.server.requests) == len(lines) - 1


# /history, /system, /tokens


def test_the_history_is_shown_harmless():
    bench = Bench("a\x1b[2J", "b", "/history", settings={"system_prompt": "Be\x1b[2J brief"})
    bench.server.answers = ["A\nA\x1b[2J\n", "B"]
    out, _ = bench.run()
    assert out.endswith("\nSystem prompt: Be brief\n\n> a\nAssistant: A\nA\n\n> b\nAssistant: B\n")
    assert "\x1b" not in out


def test_no_history():
    assert Bench("/history", settings={"system_prompt": None}).run() == ("", "Nothing has been said\n")


def test_the_system_prompt():
    bench = Bench("a", "/system", "/system Be long", "/system", "/system none", "/system", "b")
    out, err = bench.run()
    assert out == "Assistant: a\nBe brief\nBe long\n(none)\nAssistant: b\n"
    assert err == "The system prompt was replaced\nThere is no system prompt now\n"
    assert [message.role for message in bench.server.requests[-1].messages] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("count", "window", "told"),
    [
        (7, 14, "  Conversation: 7 of 14 (50%)\n"),
        (7, None, "  Conversation: 7\n  Window: not told by the server\n"),
        (None, 14, "  Window: 14\n"),
        (None, None, "  Window: not told by the server\n"),
    ],
)
def test_tokens(count, window, told):
    models = [ModelInfo(name="m", window=window)]
    bench = Bench("a", "/tokens", models=models, settings={"target": Target(model="m")})
    bench.server.count = count
    usage = Usage(prompt_tokens=4, completion_tokens=3, cached_tokens=2)
    bench.server.answers = [[Delta(content="A", finish_reason="stop", usage=usage)]]
    out, _ = bench.run()
    assert out == f"Assistant: A\nTokens:\n  Last turn: 4 prompt (2 cached) + 3 completion\n{told}"


def test_tokens_that_nobody_counts_are_not_guessed():
    bench = Bench("a", "/tokens")
    bench.server.answers = [[Delta(content="A", finish_reason="stop")]]
    _, err = bench.run()
    assert "The server tells no count of the conversation's tokens\n" in err


def test_tokens_of_a_turn_that_is_gone_are_not_told():
    bench = Bench("a", "clear", "/tokens", settings={"system_prompt": None})
    out, _ = bench.run()
    assert out.endswith("Tokens:\n  Conversation: 0\n  Window: not told by the server\n")
    assert len(bench.server.requests) == 1


# --trim


def test_trimming_is_told_once_and_spares_the_system_prompt():
    bench = Bench("a", "b", "c", "clear", "d", "e", settings={"trim": True})
    full = WindowError(9, 8)
    bench.server.answers = ["A", full, "B", full, "C", "D", full, "E"]
    _, err = bench.run()
    assert bench.said == ["e", "E"]
    assert [message.role for message in bench.server.requests[-1].messages] == ["system", "user"]
    assert err.count("dropped to fit the model's window (--trim)") == 2  # anew after `clear`


def test_a_retry_trims_what_is_left():
    bench = Bench("a", "b", "/retry", "/set trim off", "/retry", settings={"trim": True}, keep_going=True)
    bench.server.answers = ["A", "B", WindowError(9, 8), "C", WindowError(9, 8)]
    bench.run()
    assert bench.said == ["b", "C"]
