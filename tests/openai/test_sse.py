"""The event decoder, against the WHATWG rules written down a second time, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai import sse
from kaito.openai.sse import EventDecoder, EventTooLargeError


def decode(*reads: bytes) -> list[bytes]:
    decoder = EventDecoder()
    return [event for read in reads for event in decoder.feed(read)]


def by_the_rules(stream: bytes) -> list[bytes]:
    """The rules as they stand, for events without a name and `message`, up to the first `error`."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, _unended = text.split(b"\n")
    events, data, kind = [], None, b""
    for line in lines:
        if line == b"":
            if kind == b"error":
                break
            if data is not None and kind in (b"", b"message"):
                events.append(b"\n".join(data))
            data, kind = None, b""
        else:
            name, _, value = line.partition(b":")
            if name == b"data":
                data = [*(data or []), value.removeprefix(b" ")]
            elif name == b"event":
                kind = value.removeprefix(b" ")
    return events


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\ndata\n\n", [b"\n"]),
        (b": ping\n\ndata: a\n\n", [b"a"]),
        (b": ping\ndata: a\n\n", [b"a"]),
        (b"event: message\nid: 1\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"event\ndata: a\n\n", [b"a"]),
        (b"event: ping\ndata: {}\n\ndata: a\n\n", [b"a"]),
        (b"data: a\n\ndata: {}\nevent:usage\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\nevent: error\ndata: b\n\ndata: c\n\n", [b"a"]),
        (b"id: 1\n\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata: left without its blank line\n", [b"a"]),
        (b"datax: a\n\n", []),
        ("data: \u2028\u2029\x85\n\n".encode(), ["\u2028\u2029\x85".encode()]),
    ],
)
def test_an_event_stream(stream, events):
    assert decode(stream) == events == by_the_rules(stream)


def test_a_line_end_split_between_reads_is_one():
    assert decode(b"data: a\r", b"\n\r", b"\ndata: b\r\n", b"\r\n") == [b"a", b"b"]


def test_a_character_split_between_reads_is_whole():
    stream = "data: naïve 🤖\n\n".encode()
    assert decode(*(bytes([byte]) for byte in stream)) == ["naïve 🤖".encode()]


@pytest.mark.parametrize("stream", [b"event: error\ndata: boom\n\ndata: c\n\n", b"data: boom\r\nevent:error\r\n\r\n"])
def test_an_error_event_is_kept_apart(stream):
    decoder = EventDecoder()
    assert decoder.feed(b"data: a\n\n" + stream) == [b"a"]
    assert decoder.error == b"boom"
    assert decoder.feed(b"data: d\n\n") == []


@pytest.mark.parametrize(("rest", "events"), [(b"data: [DONE]", [b"[DONE]"]), (b"data: a\n", [b"a"]), (b": c", [])])
def test_the_end_of_the_stream_completes_an_event(rest, events):
    decoder = EventDecoder()
    assert decoder.feed(b"data: x\n\n" + rest) == [b"x"]
    assert decoder.end() == events


def test_an_event_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(sse, "MAX_EVENT", 1000)
    decoder = EventDecoder()
    decoder.feed(b"data: " + b"x" * 900)
    with pytest.raises(EventTooLargeError):
        decoder.feed(b"x" * 200)


_pieces = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"data",
            b": c",
            b"event: ping",
            b"event: message",
            b"event: error",
            b"event:",
            b"id",
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"x",
            b"{}",
            b" ",
            b":",
        ]
    ),
    max_size=40,
)


@given(_pieces.map(b"".join), st.lists(st.integers(1, 7), min_size=1, max_size=60))
def test_any_stream_cut_anywhere_gives_what_the_rules_give(stream, sizes):
    reads, rest, turn = [], stream, 0
    while rest:
        size = sizes[turn % len(sizes)]
        reads.append(rest[:size])
        rest, turn = rest[size:], turn + 1
    assert decode(*reads) == by_the_rules(stream)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(stream):
    assert decode(stream) == by_the_rules(stream)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_byte_order_mark_before_any_event_is_removed(newline):
    bom = b"\xef\xbb\xbf"
    stream = b"".join(bom + b"data: %d" % n + newline * (2 + n % 2) for n in range(4))
    decoder = EventDecoder()
    events = [event for at in range(len(stream)) for event in decoder.feed(stream[at : at + 1])]
    assert events + decoder.end() == [b"0", b"1", b"2", b"3"]
    assert EventDecoder().feed(stream + newline) == [b"0", b"1", b"2", b"3"]
