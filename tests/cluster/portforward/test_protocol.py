"""Decoding the messages of a tunnel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.portforward.protocol import MAX_MESSAGE, FrameDecoder, FrameError, TunnelError

OPENING = (b"\0\x88\x13", b"\1\x88\x13")


def opened(port=5000):
    decoder = FrameDecoder(port)
    for channel in (b"\0", b"\1"):
        decoder.decode(channel + port.to_bytes(2, "little"))
    return decoder


def read(decoder, message):
    return bytes(decoder.decode(message))


@pytest.mark.parametrize("opening", [OPENING, OPENING[::-1]])
def test_ready_when_both_channels_are_open(opening):
    decoder = FrameDecoder(5000)
    ready = []
    for message in opening:
        assert read(decoder, message) == b""
        ready.append(decoder.ready)
    assert ready == [False, True]


def test_data_follows_the_port():
    decoder = FrameDecoder(5000)
    assert read(decoder, b"\0\x88\x13") == b""
    assert read(decoder, b"\0\x88\x13") == b"\x88\x13"
    assert not decoder.ready


def test_messages_without_payload():
    assert read(opened(), b"\0") == b""
    assert read(opened(), b"\1") == b""


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("error forwarding port 5000 to pod x: dial tcp 127.0.0.1:5000: connect: connection refused\n", True),
        ("socat: E connect(5, AF=2 127.0.0.1:5000, 16): Connection refused", True),
        ("pod not found", False),
    ],
)
def test_error_message(message, refused):
    with pytest.raises(TunnelError) as caught:
        opened().decode(b"\1" + message.encode())
    assert str(caught.value) == caught.value.strerror == caught.value.message == message.strip()
    assert (caught.value.errno is not None) is refused
    assert not isinstance(caught.value, FrameError)


def test_long_error_message_is_truncated():
    with pytest.raises(TunnelError) as caught:
        opened().decode(b"\1" + "é".encode() * 1_000_000)
    assert caught.value.message == "é" * MAX_MESSAGE


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\2\x88\x13",
        b"\xff",
        b"\0",
        b"\1",
        b"\0\x88",
        b"\0\x13\x88",
        b"\0\x88\x13\x00",
        b"\0HTTP/1.1 200 OK",
        b"\1no such container",
    ],
)
def test_invalid_first_message(message):
    with pytest.raises(FrameError):
        FrameDecoder(5000).decode(message)


@pytest.mark.parametrize("message", [b"", b"\2", b"\3x"])
def test_unknown_channel(message):
    with pytest.raises(FrameError):
        opened().decode(message)


@given(st.integers(1, 65535), st.lists(st.binary(max_size=50)))
def test_data_is_unchanged(port, pieces):
    decoder = opened(port)
    assert decoder.ready
    assert b"".join(decoder.decode(b"\0" + piece) for piece in pieces) == b"".join(pieces)


_hostile = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(OPENING),
    st.builds(bytes.__add__, st.sampled_from([b"\0", b"\1", b"\2"]), st.binary(max_size=4)),
)


@given(st.lists(_hostile, max_size=12))
def test_hostile_messages_only_raise_tunnel_errors(messages):
    decoder, channels = FrameDecoder(5000), set()
    for message in messages:
        try:
            payload = decoder.decode(message)
        except FrameError:
            assert message[:1] not in channels
        except TunnelError:
            assert message[0] == 1
            assert 1 in {*map(ord, channels)}
        else:
            expected = b"" if message[:1] not in channels else message[1:]
            assert payload == expected
            channels.add(message[:1])
        assert decoder.ready is (len(channels) == 2)
