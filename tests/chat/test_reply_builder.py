"""Replies assembled from pieces, with the times that they took."""

import pytest

from kaito.chat.reply_builder import ReplyBuilder
from kaito.shell.render.statistics import statistics_line
from kaito.types import Delta, Reply, Usage


def built(*pieces):
    """Return the reply of pieces with the seconds at which they arrive, the last of them the end."""
    now = 0.0
    builder = ReplyBuilder(lambda: now)
    for seconds, delta in pieces:
        now = seconds
        builder.add(delta)
    return builder.reply()


def text(size, **more):
    return Delta(content="x" * size, **more)


USAGE = Delta(finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=100))


@pytest.mark.parametrize(
    ("pieces", "rate"),
    [
        # token by token
        ([(1.0, text(1)), *[(1 + i / 99, text(1)) for i in range(1, 100)], (2.0, USAGE)], "99.0"),
        # the first half of the answer was held back
        ([(5.0, text(50)), (5.0, text(50, same_read=True)), (10.0, text(100)), (10.0, USAGE)], "10.0"),
        ([(5.0, text(50)), (5.01, text(50)), (10.0, text(100)), (10.0, USAGE)], "10.0"),
        # all of it was: only the whole time says something
        ([(10.0, text(200)), (10.001, USAGE)], "10.0"),
        ([(10.0, text(190)), (10.1, text(10)), (10.1, USAGE)], "9.9"),
    ],
)
def test_tokens_per_second_are_not_counted_from_a_late_first_chunk(pieces, rate):
    assert f", {rate} tokens/s, " in statistics_line(built(*pieces), None, streamed=True)


def test_reasoning_counts_as_text():
    reply = built((1.0, Delta(reasoning="x" * 50)), (3.0, text(50)))
    assert (reply.first_token_s, reply.later_share, reply.later_s) == (1.0, 0.5, 2.0)


def test_a_reply_without_text_has_no_measurement():
    assert built((1.0, USAGE)) == Reply(
        content="", finish_reason="stop", usage=USAGE.usage, first_token_s=None, total_s=1.0
    )


def test_many_small_pieces_are_joined():
    reply = built(*[(0.0, Delta(content=str(number % 10))) for number in range(10_000)])
    assert reply.content == "0123456789" * 1000
