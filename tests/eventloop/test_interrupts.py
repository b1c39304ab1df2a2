"""Signals that arrive while the main thread waits for nothing: pending until it does, and never lost."""

import asyncio
import os
import signal

import pytest

from kaito.errors import Ended, Interrupted
from kaito.eventloop.interrupts import Interrupts
from kaito.eventloop.keyboard import Keyboard
from kaito.eventloop.main_thread import MainThreadLoop
from kaito.eventloop.thread import ThreadedLoop


def read(keyboard, function):
    """Call a function in place of a wait for a key."""
    with keyboard.waiting():
        function()


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def end(number, frame):
    raise Ended(number)


@pytest.fixture
def ending():
    """Let SIGTERM raise `Ended`, as in the process."""
    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(params=[ThreadedLoop, MainThreadLoop])
def kind(request):
    return request.param


@pytest.fixture
def keyboard():
    return Keyboard()


@pytest.fixture
def loop(kind, keyboard):
    with kind(None, keyboard) as loop:
        yield loop


def test_ctrl_c_stops_the_next_call_before_it_begins(loop):
    begun = []

    async def call():
        begun.append(True)

    ctrl_c()
    with pytest.raises(Interrupted):
        loop.run(call())
    assert not begun
    loop.run(call())
    assert begun


def test_ctrl_c_stops_the_next_stream_before_it_begins(loop):
    async def numbers():
        yield 1

    ctrl_c()
    with pytest.raises(Interrupted):
        list(loop.stream(numbers()))
    assert list(loop.stream(numbers())) == [1]


def test_ctrl_c_stops_the_next_wait_for_a_key(loop, keyboard):
    keys = []
    ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        read(keyboard, lambda: keys.append("a"))
    assert not keys
    read(keyboard, lambda: keys.append("a"))
    assert keys


def test_ctrl_c_is_raised_while_a_key_is_waited_for(loop, keyboard):
    with pytest.raises(KeyboardInterrupt):
        read(keyboard, ctrl_c)


def test_ctrl_c_again_is_raised_at_once(loop):
    ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()
    assert loop.run(asyncio.sleep(0, "all is well")) == "all is well"


def test_ctrl_c_before_the_end_is_raised_at_the_end(kind, keyboard):
    loop = kind(None, keyboard)
    loop.__enter__()
    ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        loop.__exit__(None, None, None)


def test_a_failure_takes_precedence_over_a_pending_ctrl_c(kind, keyboard):
    def fail():
        ctrl_c()
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"), kind(None, keyboard):
        fail()


def test_without_a_keyboard_it_is_raised_at_once(kind):
    with kind(), pytest.raises(KeyboardInterrupt):
        ctrl_c()


def test_ctrl_c_before_a_stream_is_left_is_not_lost(loop):
    async def endless():
        while True:
            yield 1
            await asyncio.sleep(0.001)

    stream = loop.stream(endless())
    next(stream)
    ctrl_c()
    stream.close()
    with pytest.raises(Interrupted):
        loop.run(asyncio.sleep(0))


@pytest.mark.usefixtures("ending")
def test_a_signal_that_ends_the_process_stays_pending_too(loop, keyboard):
    for wait in (lambda: loop.run(asyncio.sleep(0)), lambda: read(keyboard, list)):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Ended):
            wait()


@pytest.mark.usefixtures("ending")
def test_ctrl_c_does_not_replace_a_signal_that_ends_the_process(loop):
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Ended):
        ctrl_c()


def test_ctrl_c_while_a_wait_begins_is_not_lost(loop, monkeypatch):
    def early(self):
        monkeypatch.undo()
        ctrl_c()

    monkeypatch.setattr(Interrupts, "take_pending", early)
    with pytest.raises(Interrupted):
        loop.run(asyncio.sleep(60))


def test_ctrl_c_while_a_wait_is_left_is_not_lost(loop, monkeypatch):
    leave = Interrupts.leave

    def late(self, wait, before):
        monkeypatch.undo()
        ctrl_c()
        leave(self, wait, before)

    monkeypatch.setattr(Interrupts, "leave", late)
    with pytest.raises(Interrupted):
        loop.run(asyncio.sleep(0))


def test_nothing_stays_pending_after_the_end(kind, keyboard):
    loop = kind(None, keyboard)
    loop.__enter__()
    ctrl_c()
    loop.__exit__(ValueError, ValueError("boom"), None)
    keyboard.raise_pending()
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()
