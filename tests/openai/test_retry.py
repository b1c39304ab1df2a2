"""What is done about a failure, without a server and without waiting."""

import pytest

from kaito.errors import ConnectError, ForbiddenError, ModelError, NotFoundError, WindowError
from kaito.openai.error_responses import Kind, Refusal
from kaito.openai.retry import BUSY_BUDGET, REFUSED_BUDGET, ConnectFailure, Recovery, ServerCapabilities


@pytest.fixture
def habits():
    return ServerCapabilities()


@pytest.fixture
def recovery(habits):
    return make(habits)


def make(habits, max_tokens=1024):
    return Recovery(
        habits, "http://x/chat/completions", model="m", max_tokens=max_tokens, now=100.0, jitter=lambda: 1.0
    )


def refused(kind, status=400, **more):
    return Refusal(status=status, kind=kind, words="words", **more)


def delays(decide):
    """Wait as long as one is told to; return the waits, and how long it was tried."""
    now, waits = 100.0, []
    while True:
        try:
            wait = decide(now)
        except ConnectError as exc:
            return waits, now - 100.0, exc
        waits.append(wait.delay)
        now += wait.delay


def test_a_refused_connection_is_given_up_within_its_budget(recovery):
    waits, elapsed, error = delays(lambda now: recovery.after_loss(ConnectFailure.REFUSED, "refused", now))
    assert waits == [0.25, 0.5, 0.75, 0.75, 0.75]
    assert elapsed <= REFUSED_BUDGET
    assert error.hints[0] == "Endpoint: http://x/chat/completions"
    assert error.hints[2:] == ("refused", "Gave up after 6 tries in 3 s")


def test_a_server_that_has_answered_before_is_waited_for_longer(habits, recovery):
    habits.answered = True
    waits, elapsed, _ = delays(lambda now: recovery.after_loss(ConnectFailure.REFUSED, "refused", now))
    assert REFUSED_BUDGET < elapsed <= BUSY_BUDGET
    assert max(waits) == 8.0


def test_an_overloaded_server_is_given_up_within_its_budget(recovery):
    waits, elapsed, error = delays(lambda now: recovery.after_refusal(refused(Kind.BUSY, 503), now))
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert BUSY_BUDGET - 8 < elapsed <= BUSY_BUDGET
    assert error.exit_code == 4
    assert "words (HTTP 503)" in error.hints[2]


def test_retry_after_is_kept(recovery):
    assert recovery.after_refusal(refused(Kind.BUSY, 429, retry_after=5.0), 100.0).delay == 5.0


def test_retry_after_zero_is_no_storm(recovery):
    assert recovery.after_refusal(refused(Kind.BUSY, 429, retry_after=0.0), 100.0).delay == 0.25


def test_retry_after_beyond_the_budget_is_not_waited_for(recovery):
    with pytest.raises(ConnectError) as caught:
        recovery.after_refusal(refused(Kind.BUSY, 429, retry_after=3600.0), 100.0)
    assert "it asks to be left alone for 3600 s" in caught.value.hints


def test_a_kept_connection_is_replaced_once(recovery):
    assert recovery.after_loss(ConnectFailure.CLOSED, "closed", 100.0, kept=True).delay == 0.0
    with pytest.raises(ConnectError):
        recovery.after_loss(ConnectFailure.CLOSED, "closed", 100.0, kept=True)


def test_a_new_connection_that_is_closed_is_not_tried_again(recovery):
    with pytest.raises(ConnectError):
        recovery.after_loss(ConnectFailure.CLOSED, "closed", 100.0)


def test_the_bare_path_is_tried_after_v1(habits, recovery):
    assert recovery.prefix == "/v1"
    assert recovery.after_refusal(refused(Kind.NO_ROUTE, 404), 100.0).delay == 0.0
    assert recovery.prefix == ""
    with pytest.raises(ConnectError):
        recovery.after_refusal(refused(Kind.NO_ROUTE, 404), 100.0)
    habits.settle("")
    assert make(habits).prefix == ""


def test_usage_is_no_longer_asked_for_where_it_is_refused(habits, recovery):
    recovery.after_refusal(refused(Kind.USAGE_ASKED), 100.0)
    assert not habits.tells_usage
    with pytest.raises(ModelError):
        recovery.after_refusal(refused(Kind.USAGE_ASKED), 100.0)


def window(prompt, size, *, exact=True):
    return refused(Kind.WINDOW, prompt_tokens=prompt, window=size, exact=exact)


def test_what_the_window_leaves_is_asked_for_once(recovery):
    recovery.after_refusal(window(1500, 2048), 100.0)
    assert recovery.max_tokens == 548
    with pytest.raises(WindowError) as caught:
        recovery.after_refusal(window(1500, 2048), 100.0)
    assert caught.value.message == "Input too long (1500 tokens > 2048 max)"
    assert caught.value.hints[0] == "Try reducing your message length or increasing --max-tokens"
    assert "2048" in caught.value.hints[1]


@pytest.mark.parametrize("prompt", [2048, 2049, 5000])
def test_a_prompt_that_fills_the_window_is_not_sent_again(recovery, prompt):
    with pytest.raises(WindowError, match=rf"Input too long \({prompt} tokens > 2048 max\)"):
        recovery.after_refusal(window(prompt, 2048), 100.0)


def test_a_bound_is_replaced_by_the_server_s_count(recovery):
    recovery.after_refusal(window(1025, 2048, exact=False), 100.0, counted=1500)
    assert recovery.max_tokens == 548


def test_a_bound_alone_leaves_half_of_what_it_might(recovery):
    recovery.after_refusal(window(1025, 2048, exact=False), 100.0)
    assert recovery.max_tokens == 511


def test_more_than_the_window_is_asked_for_once_in_a_session(habits):
    first = make(habits, max_tokens=4096)
    first.after_refusal(window(1500, 2048), 100.0)
    assert first.max_tokens == 548
    assert make(habits, max_tokens=4096).max_tokens is None
    assert make(habits, max_tokens=2048).max_tokens is None
    assert make(habits, max_tokens=2047).max_tokens == 2047
    assert make(habits, max_tokens=None).max_tokens is None
    # Another model has another window.
    other = Recovery(habits, "http://x", model="other", max_tokens=4096, now=100.0)
    assert other.max_tokens == 4096


def test_what_is_left_to_the_server_may_be_refused_as_well(habits):
    habits.windows["m"] = 2048
    recovery = make(habits, max_tokens=4096)
    recovery.after_refusal(window(1500, 2048), 100.0)
    assert recovery.max_tokens == 548
    with pytest.raises(WindowError, match=r"2048 tokens > 2048 max"):
        make(habits, max_tokens=4096).after_refusal(window(2048, 2048), 100.0)


def test_a_refusal_whatever_the_prompt_leaves_half_of_the_window(recovery):
    recovery.after_refusal(window(None, 1000), 100.0)
    assert recovery.max_tokens == 500
    with pytest.raises(WindowError):
        recovery.after_refusal(window(None, 1000), 100.0)


@pytest.mark.parametrize(("prompt", "left"), [(1024, 1024), (100, 1948), (1025, None), (5000, None)])
def test_where_turns_can_be_dropped_an_answer_has_half_of_the_window(habits, prompt, left):
    recovery = make(habits, max_tokens=2000)
    recovery.can_trim = True
    if left is None:
        with pytest.raises(WindowError, match=rf"{prompt} tokens > 2048 max"):
            recovery.after_refusal(window(prompt, 2048), 100.0)
    else:
        recovery.after_refusal(window(prompt, 2048), 100.0)
        assert recovery.max_tokens == left


def test_where_turns_can_be_dropped_less_than_half_of_the_window_is_not_lowered(habits):
    for exact in (True, False):
        recovery = make(habits, max_tokens=1024)
        recovery.can_trim = True
        with pytest.raises(WindowError):
            recovery.after_refusal(window(1025, 2048, exact=exact), 100.0)


def test_where_turns_can_be_dropped_half_of_the_window_is_asked_for_from_the_next_turn_on(habits):
    recovery = make(habits, max_tokens=4096)
    recovery.can_trim = True
    recovery.after_refusal(window(1, 2048, exact=False), 100.0)
    assert recovery.max_tokens == 1024
    recovery = make(habits, max_tokens=4096)
    recovery.can_trim = True
    assert recovery.max_tokens == 1024
    with pytest.raises(WindowError):
        recovery.after_refusal(window(1025, 2048, exact=False), 100.0)


def test_unknown_numbers_are_said_to_be_unknown(recovery):
    with pytest.raises(WindowError, match=r"Input too long \(\? tokens > \? max\)"):
        recovery.after_refusal(window(None, None), 100.0)


@pytest.mark.parametrize(
    ("kind", "status", "error", "code", "told"),
    [
        (Kind.UNAUTHORIZED, 401, ForbiddenError, 5, "wants an API key"),
        (Kind.FORBIDDEN, 403, ForbiddenError, 5, "does not allow this"),
        (Kind.MODEL_UNKNOWN, 404, NotFoundError, 3, "no model 'm'"),
        (Kind.REDIRECT, 302, ConnectError, 4, "Unable to connect"),
        (Kind.NOT_THE_MODEL, 200, ConnectError, 4, "Unable to connect"),
        (Kind.OTHER, 500, ModelError, 1, "words (HTTP 500)"),
    ],
)
def test_what_cannot_be_mended_is_an_error(recovery, kind, status, error, code, told):
    with pytest.raises(error) as caught:
        recovery.after_refusal(refused(kind, status), 100.0)
    assert caught.value.exit_code == code
    assert told in caught.value.message
    assert getattr(caught.value, "status", status) == status
