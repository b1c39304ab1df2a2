"""The messages of a tunnel: what is read, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.portforward.errors import FrameError, TunnelError
from kaito.cluster.portforward.frames import MAX_WORDS, FrameDecoder

GREETING = (b"\0\x88\x13", b"\1\x88\x13")


def greeted(port=5000):
    decoder = FrameDecoder(port)
    for channel in (b"\0", b"\1"):
        decoder.decode(channel + port.to_bytes(2, "little"))
    return decoder


def read(decoder, message):
    return bytes(decoder.decode(message))


@pytest.mark.parametrize("greeting", [GREETING, GREETING[::-1]])
def test_a_tunnel_is_ready_when_both_channels_have_begun(greeting):
    decoder = FrameDecoder(5000)
    ready = []
    for message in greeting:
        assert read(decoder, message) == b""
        ready.append(decoder.ready)
    assert ready == [False, True]


def test_data_follows_its_channel_s_port():
    decoder = FrameDecoder(5000)
    assert read(decoder, b"\0\x88\x13") == b""
    assert read(decoder, b"\0\x88\x13") == b"\x88\x13"
    assert not decoder.ready


def test_messages_without_payload_carry_nothing():
    assert read(greeted(), b"\0") == b""
    assert read(greeted(), b"\1") == b""


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ("error forwarding port 5000 to pod x: dial tcp 127.0.0.1:5000: connect: connection refused\n", True),
        ("socat: E connect(5, AF=2 127.0.0.1:5000, 16): Connection refused", True),
        ("pod not found", False),
    ],
)
def test_an_error_has_the_api_server_s_words(words, refused):
    with pytest.raises(TunnelError) as caught:
        greeted().decode(b"\1" + words.encode())
    assert str(caught.value) == caught.value.strerror == caught.value.words == words.strip()
    assert (caught.value.errno is not None) is refused
    assert not isinstance(caught.value, FrameError)


def test_an_error_s_words_are_bounded():
    with pytest.raises(TunnelError) as caught:
        greeted().decode(b"\1" + "é".encode() * 1_000_000)
    assert caught.value.words == "é" * MAX_WORDS


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
def test_what_is_no_greeting_is_refused(message):
    with pytest.raises(FrameError):
        FrameDecoder(5000).decode(message)


@pytest.mark.parametrize("message", [b"", b"\2", b"\3x"])
def test_later_messages_of_no_channel_are_refused(message):
    with pytest.raises(FrameError):
        greeted().decode(message)


@given(st.integers(1, 65535), st.lists(st.binary(max_size=50)))
def test_data_comes_through_unchanged(port, pieces):
    decoder = greeted(port)
    assert decoder.ready
    assert b"".join(decoder.decode(b"\0" + piece) for piece in pieces) == b"".join(pieces)


_hostile = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(GREETING),
    st.builds(bytes.__add__, st.sampled_from([b"\0", b"\1", b"\2"]), st.binary(max_size=4)),
)


@given(st.lists(_hostile, max_size=12))
def test_no_messages_in_any_order_do_more_than_be_refused(messages):
    decoder, begun = FrameDecoder(5000), set()
    for message in messages:
        try:
            payload = decoder.decode(message)
        except FrameError:
            assert message[:1] not in begun
        except TunnelError:
            assert message[0] == 1
            assert 1 in {*map(ord, begun)}
        else:
            expected = b"" if message[:1] not in begun else message[1:]
            assert payload == expected
            begun.add(message[:1])
        assert decoder.ready is (len(begun) == 2)
