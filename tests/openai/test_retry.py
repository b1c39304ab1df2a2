"""Decisions about failed requests, without a server and without waiting."""

import msgspec
import pytest

from kaito.errors import ConnectError, ForbiddenError, ModelError, NotFoundError, WindowError
from kaito.net.retries import BUSY_BUDGET, REFUSED_BUDGET
from kaito.openai.error_responses import ErrorKind, ErrorResponse
from kaito.openai.retry import Recovery, ServerCapabilities
from kaito.types import ModelInfo


@pytest.fixture
def server():
    return ServerCapabilities()


@pytest.fixture
def recovery(server):
    return make(server)


def make(server, max_tokens=1024, **options):
    return Recovery(
        server, "http://x/chat/completions", model="m", max_tokens=max_tokens, now=100.0, jitter=lambda: 1.0, **options
    )


def response(kind, status=400, **more):
    return ErrorResponse(status=status, kind=kind, message="message", **more)


def delays(decide):
    """Wait until a decision is to give up; return the delays, the whole time and the error."""
    now, waits = 100.0, []
    while True:
        try:
            wait = decide(now)
        except ConnectError as exc:
            return waits, now - 100.0, exc
        waits.append(wait.delay)
        now += wait.delay


def test_a_refused_connection_is_given_up_within_its_budget(recovery):
    waits, elapsed, error = delays(lambda now: recovery.after_no_response("refused", now, refused=True))
    assert waits == [0.25, 0.5, 0.75, 0.75, 0.75]
    assert elapsed <= REFUSED_BUDGET
    assert error.hints[0] == "Endpoint: http://x/chat/completions"
    assert error.hints[2:] == ("refused", "Gave up after 6 tries in 3 s")


def test_a_server_that_has_answered_before_is_waited_for_longer(server, recovery):
    server.answered = True
    waits, elapsed, _ = delays(lambda now: recovery.after_no_response("refused", now, refused=True))
    assert REFUSED_BUDGET < elapsed <= BUSY_BUDGET
    assert max(waits) == 8.0


def test_a_busy_server_is_given_up_within_its_budget(recovery):
    waits, elapsed, error = delays(lambda now: recovery.after_error_response(response(ErrorKind.BUSY, 503), now))
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert BUSY_BUDGET - 8 < elapsed <= BUSY_BUDGET
    assert error.exit_code == 4
    assert "message (HTTP 503)" in error.hints[2]


def test_retry_after_is_respected(recovery):
    assert recovery.after_error_response(response(ErrorKind.BUSY, 429, retry_after=5.0), 100.0).delay == 5.0


def test_retry_after_zero_still_waits(recovery):
    assert recovery.after_error_response(response(ErrorKind.BUSY, 429, retry_after=0.0), 100.0).delay == 0.25


def test_retry_after_beyond_the_budget_gives_up(recovery):
    with pytest.raises(ConnectError) as caught:
        recovery.after_error_response(response(ErrorKind.BUSY, 429, retry_after=3600.0), 100.0)
    assert "The server asks to wait 3600 s before the next try" in caught.value.hints


def test_a_reused_connection_is_replaced_once(recovery):
    assert recovery.after_no_response("closed", 100.0, refused=False, reused=True).delay == 0.0
    with pytest.raises(ConnectError):
        recovery.after_no_response("closed", 100.0, refused=False, reused=True)


def test_a_new_connection_that_is_closed_is_not_tried_again(recovery):
    with pytest.raises(ConnectError):
        recovery.after_no_response("closed", 100.0, refused=False)


def test_the_bare_path_is_tried_after_v1(server, recovery):
    assert recovery.prefix == "/v1"
    assert recovery.after_error_response(response(ErrorKind.NO_ROUTE, 404), 100.0).delay == 0.0
    assert recovery.prefix == ""
    with pytest.raises(ConnectError):
        recovery.after_error_response(response(ErrorKind.NO_ROUTE, 404), 100.0)
    server.settle("")
    assert make(server).prefix == ""


def test_stream_options_are_omitted_once_they_were_refused(server, recovery):
    recovery.after_error_response(response(ErrorKind.STREAM_OPTIONS), 100.0)
    assert not server.stream_options
    with pytest.raises(ModelError):
        recovery.after_error_response(response(ErrorKind.STREAM_OPTIONS), 100.0)


def window(prompt, size, *, exact=True):
    return response(ErrorKind.CONTEXT_WINDOW, prompt_tokens=prompt, window=size, exact=exact)


def test_what_the_window_leaves_is_requested_once(recovery):
    recovery.after_error_response(window(1500, 2048), 100.0)
    assert recovery.max_tokens == 548
    with pytest.raises(WindowError) as caught:
        recovery.after_error_response(window(1500, 2048), 100.0)
    assert caught.value.message == "Input too long (1500 tokens > 2048 max)"
    assert caught.value.hints[0] == "Try reducing your message length or increasing --max-tokens"
    assert "2048" in caught.value.hints[1]


@pytest.mark.parametrize("prompt", [2048, 2049, 5000])
def test_a_prompt_that_fills_the_window_is_not_sent_again(recovery, prompt):
    with pytest.raises(WindowError, match=rf"Input too long \({prompt} tokens > 2048 max\)"):
        recovery.after_error_response(window(prompt, 2048), 100.0)


def test_the_server_s_count_replaces_a_lower_bound(recovery):
    recovery.after_error_response(window(1025, 2048, exact=False), 100.0, counted=1500)
    assert recovery.max_tokens == 548


def test_a_lower_bound_alone_leaves_half_of_the_rest(recovery):
    recovery.after_error_response(window(1025, 2048, exact=False), 100.0)
    assert recovery.max_tokens == 511


def test_more_than_the_window_is_requested_once_in_a_session(server):
    first = make(server, max_tokens=4096)
    first.after_error_response(window(1500, 2048), 100.0)
    assert first.max_tokens == 548
    assert make(server, max_tokens=4096).max_tokens is None
    assert make(server, max_tokens=2048).max_tokens is None
    assert make(server, max_tokens=2047).max_tokens == 2047
    assert make(server, max_tokens=None).max_tokens is None
    # Another model has another window.
    other = Recovery(server, "http://x", model="other", max_tokens=4096, now=100.0)
    assert other.max_tokens == 4096


def test_a_request_without_max_tokens_may_be_refused_too(server):
    server.windows["m"] = 2048
    recovery = make(server, max_tokens=4096)
    recovery.after_error_response(window(1500, 2048), 100.0)
    assert recovery.max_tokens == 548
    with pytest.raises(WindowError, match=r"2048 tokens > 2048 max"):
        make(server, max_tokens=4096).after_error_response(window(2048, 2048), 100.0)


def test_without_the_prompt_s_size_half_of_the_window_is_requested(recovery):
    recovery.after_error_response(window(None, 1000), 100.0)
    assert recovery.max_tokens == 500
    with pytest.raises(WindowError):
        recovery.after_error_response(window(None, 1000), 100.0)


@pytest.mark.parametrize(("prompt", "left"), [(1024, 1024), (100, 1948), (1025, None), (5000, None)])
def test_with_trimming_an_answer_has_half_of_the_window(server, prompt, left):
    recovery = make(server, max_tokens=2000, can_trim=True)
    if left is None:
        with pytest.raises(WindowError, match=rf"{prompt} tokens > 2048 max"):
            recovery.after_error_response(window(prompt, 2048), 100.0)
    else:
        recovery.after_error_response(window(prompt, 2048), 100.0)
        assert recovery.max_tokens == left


def test_with_trimming_less_than_half_of_the_window_is_not_reduced(server):
    for exact in (True, False):
        recovery = make(server, max_tokens=1024, can_trim=True)
        with pytest.raises(WindowError):
            recovery.after_error_response(window(1025, 2048, exact=exact), 100.0)


def test_with_trimming_later_turns_request_half_of_the_window(server):
    recovery = make(server, max_tokens=4096, can_trim=True)
    recovery.after_error_response(window(1, 2048, exact=False), 100.0)
    assert recovery.max_tokens == 1024
    recovery = make(server, max_tokens=4096, can_trim=True)
    assert recovery.max_tokens == 1024
    with pytest.raises(WindowError):
        recovery.after_error_response(window(1025, 2048, exact=False), 100.0)


def test_unknown_numbers_are_shown_as_question_marks(recovery):
    with pytest.raises(WindowError, match=r"Input too long \(\? tokens > \? max\)") as caught:
        recovery.after_error_response(window(None, None), 100.0)
    assert caught.value.hints == (
        "Try reducing your message length or increasing --max-tokens",
        "Prompt and answer must fit the model's context window; 'clear' or '/set trim on' frees it",
    )


@pytest.mark.parametrize(
    ("kind", "status", "error", "code", "message"),
    [
        (ErrorKind.UNAUTHORIZED, 401, ForbiddenError, 5, "requires an API key"),
        (ErrorKind.FORBIDDEN, 403, ForbiddenError, 5, "denied access"),
        (ErrorKind.UNKNOWN_MODEL, 404, NotFoundError, 3, "no model 'm'"),
        (ErrorKind.REDIRECT, 302, ConnectError, 4, "Unable to connect"),
        (ErrorKind.NOT_JSON, 200, ConnectError, 4, "Unable to connect"),
        (ErrorKind.OTHER, 500, ModelError, 1, "message (HTTP 500)"),
    ],
)
def test_other_responses_are_errors(recovery, kind, status, error, code, message):
    with pytest.raises(error) as caught:
        recovery.after_error_response(response(kind, status), 100.0)
    assert caught.value.exit_code == code
    assert message in caught.value.message
    assert getattr(caught.value, "status", status) == status


def listing(server, size, **options):
    server.note_models([ModelInfo(name="m", window=size)])
    return make(server, **options)


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_numbers_decide_about_a_refusal_without_a_word_about_the_window(server, status):
    recovery = listing(server, 2048)
    refusal = response(ErrorKind.OTHER, status)
    assert recovery.needs_count(refusal) is (status != 500)
    recovery.after_error_response(refusal, 100.0, counted=1500)
    assert recovery.max_tokens == 548
    with pytest.raises(ModelError, match="message"):
        recovery.after_error_response(refusal, 100.0, counted=1500)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, ErrorKind.STREAM_OPTIONS), (401, ErrorKind.UNAUTHORIZED), (501, ErrorKind.OTHER)]
)
def test_other_refusals_need_no_count(server, status, kind):
    assert not listing(server, 2048).needs_count(response(kind, status))


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ("engine died", False),
        ("no reason given", False),
        ("CUDA out of memory", False),
        ("Prompt is too long", True),
        ("Too many tokens", True),
        ("bad Context", True),
        ("Max length", True),
    ],
)
def test_a_500_is_explained_by_a_count_only_if_it_may_be_about_the_length(server, message, counts):
    refusal = msgspec.structs.replace(response(ErrorKind.OTHER, 500), message=message)
    assert listing(server, 2048).needs_count(refusal) is counts


def test_without_a_listed_window_nothing_is_counted(recovery):
    assert not recovery.needs_count(response(ErrorKind.OTHER))


def test_a_prompt_that_fits_is_not_the_reason(server):
    with pytest.raises(ModelError, match="message"):
        listing(server, 2048).after_error_response(response(ErrorKind.OTHER), 100.0, counted=1024)


def test_a_prompt_over_the_listed_window(server):
    with pytest.raises(WindowError, match=r"3000 tokens > 2048 max"):
        listing(server, 2048).after_error_response(response(ErrorKind.OTHER), 100.0, counted=3000)


@pytest.mark.parametrize(
    ("max_tokens", "param", "left"), [(4096, "", 1024), (2000, "max_tokens", 1000), (2048, "", 1024)]
)
def test_without_a_tokenizer_a_refused_max_tokens_is_halved(server, max_tokens, param, left):
    recovery = listing(server, 2048, max_tokens=max_tokens)
    recovery.after_error_response(response(ErrorKind.OTHER, param=param), 100.0)
    assert recovery.max_tokens == left


def test_a_stated_maximum_that_is_the_window_less_the_answer(server):
    recovery = listing(server, 2048)
    recovery.after_error_response(window(1500, 1024), 100.0)
    assert recovery.max_tokens == 548


@pytest.mark.parametrize(("prompt", "max_tokens"), [(1025, 1024), (1, 4096)])
def test_a_count_up_to_the_first_token_that_does_not_fit_is_a_bound(server, prompt, max_tokens):
    recovery = make(server, max_tokens=max_tokens)
    assert recovery.needs_count(window(prompt, 2048))
    recovery.after_error_response(window(prompt, 2048), 100.0, counted=1500)
    assert recovery.max_tokens == 548


def test_a_limit_of_the_answer_is_requested_once(server):
    recovery = make(server, max_tokens=1024)
    refusal = msgspec.structs.replace(response(ErrorKind.ANSWER_LIMIT), answer_limit=512)
    recovery.after_error_response(refusal, 100.0)
    assert recovery.max_tokens == 512
    with pytest.raises(ModelError):
        recovery.after_error_response(msgspec.structs.replace(refusal, answer_limit=256), 100.0)
