"""Sockets that return small pieces."""

import socket
import threading

import pytest

from kaito.net.http_session import SmallReads


@pytest.fixture
def pair():
    """Yield a socket and its peer."""
    ours, theirs = socket.socketpair()
    with theirs, SmallReads(fileno=ours.detach()) as reader:
        yield reader, theirs


def test_a_read_returns_a_piece_and_the_next_ones_the_rest(pair):
    reader, writer = pair
    sent = bytes(range(256)) * 1000
    thread = threading.Thread(target=writer.sendall, args=(sent,))
    thread.start()
    read, longest = b"", 0
    while len(read) < len(sent):
        piece = reader.recv(256 * 1024)
        read, longest = read + piece, max(longest, len(piece))
    thread.join()
    assert read == sent
    assert longest <= 96 * 1024


def test_a_read_takes_no_more_than_is_asked_for_and_passes_flags_on(pair):
    reader, writer = pair
    writer.sendall(b"seen twice")
    assert reader.recv(4, socket.MSG_PEEK) == b"seen"
    assert reader.recv(4) == b"seen"
    assert reader.recv(100) == b" twice"
