"""The write buffer and its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.portforward.buffer import HIGH_WATER, WriteBuffer


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(1, 30), min_size=1))
def test_bytes_keep_their_order(pieces, limits):
    buffer, taken, turn = WriteBuffer(), b"", 0
    for piece in pieces:
        buffer.push(piece)
    assert buffer.size == len(b"".join(pieces))
    while buffer.size:
        limit = limits[turn % len(limits)]
        message = buffer.pop(limit, b">")
        assert message.startswith(b">")
        assert len(message) - 1 == limit or not buffer.size
        taken += message[1:]
        turn += 1
    assert taken == b"".join(pieces)


def test_mutable_data_is_copied():
    data, buffer = bytearray(b"one"), WriteBuffer()
    buffer.push(data)
    buffer.push(memoryview(data))
    data[:] = b"two"
    assert buffer.pop(100) == b"oneone"


def test_clear():
    buffer = WriteBuffer()
    buffer.push(b"x" * 10)
    buffer.clear()
    assert buffer.size == 0
    assert buffer.pop(100, b"\0") == b"\0"


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ({}, (HIGH_WATER // 4, HIGH_WATER)),
        ({"high": 100}, (25, 100)),
        ({"low": 100}, (100, 400)),
        ({"high": 8, "low": 8}, (8, 8)),
        ({"high": 0}, (0, 0)),
    ],
)
def test_limits_are_derived_as_in_asyncio(given, limits):
    buffer = WriteBuffer()
    buffer.set_limits(**given)
    assert (buffer.low, buffer.high) == limits


@pytest.mark.parametrize(("high", "low"), [(1, 2), (2, -1), (-1, None)])
def test_invalid_limits(high, low):
    with pytest.raises(ValueError, match="must be"):
        WriteBuffer().set_limits(high, low)
