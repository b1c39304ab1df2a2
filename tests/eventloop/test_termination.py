"""SIGTERM, SIGHUP and Ctrl-Z, sent to this process."""

import asyncio
import io
import os
import signal
import threading
import time

import pytest

from kaito.console.terminal import Terminal
from kaito.errors import Abandoned, Ended, Suspended
from kaito.eventloop import termination
from kaito.eventloop.thread import ThreadedLoop
from tests.eventloop.abandoned import held_up, take_down


@pytest.fixture
def terminal():
    return Terminal(io.StringIO(), io.StringIO(), io.StringIO(), {})


@pytest.fixture(autouse=True)
def default_signals():
    """Give the signals their default actions; those of this process are restored after the test."""
    numbers = [*termination.ENDING, signal.SIGTSTP]
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number in numbers:
        signal.signal(number, before[number])


@pytest.fixture
def handled(default_signals, terminal):
    """Handle the signals; return the numbers of those that have ended the process, or would have."""
    arrived = []
    with termination.handle_termination(terminal, lambda code: None):
        for number in termination.ENDING:
            signal.signal(number, noting(arrived, signal.getsignal(number)))
        yield arrived


def noting(arrived, handler):
    def note(number, frame):
        arrived.append(number)
        handler(number, frame)

    return note


def send(number):
    os.kill(os.getpid(), number)


def await_signal(number):
    """Send a signal to this process and wait until it has arrived."""
    send(number)
    time.sleep(5)  # which it interrupts


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_is_raised_once(handled, number, code):
    with pytest.raises(Ended) as caught:
        await_signal(number)
    assert caught.value.exit_code == code
    send(signal.SIGHUP)
    send(signal.SIGTERM)


def test_an_end_that_takes_too_long_is_forced(terminal, monkeypatch):
    monkeypatch.setattr(termination, "GRACE", 0.01)
    left, gone = [], threading.Event()

    def leave(code):
        left.append(code)
        gone.set()

    with pytest.raises(Ended), termination.handle_termination(terminal, leave):
        await_signal(signal.SIGTERM)
    assert gone.wait(60)
    assert left == [143]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_an_ignored_signal_stays_ignored(terminal):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with termination.handle_termination(terminal):
        send(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_handlers_are_restored(terminal):
    numbers = [*termination.ENDING, signal.SIGTSTP]
    before = [signal.getsignal(number) for number in numbers]
    with termination.handle_termination(terminal):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_ctrl_z_is_raised_while_a_key_is_waited_for(handled, terminal):
    with pytest.raises(Suspended), terminal.waiting_for_a_key():
        await_signal(signal.SIGTSTP)
    assert not terminal.keyboard.reading


def test_a_system_without_these_signals(monkeypatch, terminal):
    monkeypatch.setattr(termination, "ENDING", (signal.SIGTERM,))
    monkeypatch.delattr(signal, "SIGTSTP")
    with termination.handle_termination(terminal):
        assert callable(signal.getsignal(signal.SIGTERM))


async def stop_by(numbers, handled, log):
    """Send the first signal while this runs, and each other one while it cleans up."""
    first, *others = numbers
    threading.Timer(0.05, send, [first]).start()
    try:
        await asyncio.sleep(60)
    finally:
        for number in others:
            before = len(handled)
            send(number)
            while len(handled) == before:
                await asyncio.sleep(0.01)
        log.append("clean")


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGTERM],
        [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM],
        [signal.SIGINT, signal.SIGTERM],
    ],
)
def test_the_loop_cleans_up_before_the_end(handled, numbers):
    log = []
    with ThreadedLoop() as loop:
        with pytest.raises(Ended):
            loop.run(stop_by(numbers, handled, log))
        assert log == ["clean"]
        assert loop.run(asyncio.sleep(0, "still here")) == "still here"


def test_ctrl_c_while_it_cleans_up_is_final(handled):
    log, over = [], threading.Event()

    async def stubborn():
        threading.Timer(0.05, send, [signal.SIGTERM]).start()
        try:
            await asyncio.sleep(60)
        finally:
            threading.Timer(0.05, send, [signal.SIGINT]).start()
            await held_up(over)
            log.append("clean")

    with pytest.raises(Abandoned), ThreadedLoop() as loop:
        loop.run(stubborn())
    assert log == []
    # The process would end here; this one waits for the abandoned call.
    take_down(loop, over)
    assert log == ["clean"]


def test_a_context_that_is_held_is_left_before_the_end(handled):
    log = []

    class Held:
        async def __aenter__(self):
            return "value"

        async def __aexit__(self, *exc):
            await asyncio.sleep(0.05)
            log.append("left")

    with pytest.raises(Ended), ThreadedLoop() as loop, loop.hold(Held()):
        send(signal.SIGTERM)
    assert log == ["left"]
