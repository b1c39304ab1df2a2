"""Both event loops, on a background thread and on the main thread, and Ctrl-C."""

import asyncio
import os
import signal
import threading
import time
from contextlib import asynccontextmanager, closing

import pytest

from kaito.errors import Abandoned, Ended, Interrupted
from kaito.eventloop.call import DONE, Call
from kaito.eventloop.main_thread import MainThreadLoop
from kaito.eventloop.thread import ThreadedLoop
from tests.controlplane.waiting import until
from tests.eventloop.abandoned import ended_threads, held_up, take_down


@pytest.fixture(params=[ThreadedLoop, MainThreadLoop])
def kind(request):
    return request.param


@pytest.fixture
def loop(kind):
    before = signal.getsignal(signal.SIGINT)
    with kind() as loop:
        yield loop
    until(ended_threads, "all threads have ended")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.fixture
def thread_loop():
    with ThreadedLoop() as loop:
        yield loop


@pytest.fixture
def main_loop():
    with MainThreadLoop() as loop:
        yield loop


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


async def answer():
    return threading.current_thread().name


def test_a_coroutine_runs_on_the_loop_s_thread(thread_loop):
    assert thread_loop.run(answer()) == "kaito-loop"


def test_a_coroutine_runs_on_the_main_thread(main_loop):
    assert main_loop.run(answer()) == "MainThread"


def test_an_exception_is_raised(loop):
    async def fail():
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        loop.run(fail())


async def count(log):
    try:
        for number in range(3):
            yield number
        log.append("end")
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def test_a_stream(loop):
    log = []
    assert list(loop.stream(count(log))) == [0, 1, 2]
    assert log == ["end", "closed"]


def test_a_stream_that_is_closed_closes_its_source(loop):
    async def endless(log):
        try:
            while True:
                yield 1
                await asyncio.sleep(0.001)
        finally:
            log.append("closed")

    log = []
    stream = loop.stream(endless(log))
    assert next(stream) == 1
    stream.close()
    assert log == ["closed"]


def test_a_stream_that_fails_first_yields_what_it_had(loop):
    async def fail():
        yield 1
        raise ValueError("boom")

    stream = loop.stream(fail())
    assert next(stream) == 1
    with pytest.raises(ValueError, match="boom"):
        next(stream)


def test_ctrl_c_cancels_and_waits_for_the_clean_up(loop):
    log = []

    async def wait():
        threading.Timer(0.05, ctrl_c).start()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            log.append("clean")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        loop.run(wait())
    assert log == ["clean"]
    assert signal.getsignal(signal.SIGINT) is before
    assert loop.run(asyncio.sleep(0, "still here")) == "still here"


def test_ctrl_c_in_a_stream_ends_it_at_once(loop):
    async def talk():
        while True:
            yield "word"
            await asyncio.sleep(0.001)

    stream = loop.stream(talk())
    for words, _ in enumerate(stream, start=1):
        if words == 3:
            break
    ctrl_c()
    with pytest.raises(Interrupted):
        next(stream)


def test_ctrl_c_that_does_not_wake_the_main_thread(thread_loop):
    # Like one that arrives between CPython's check for signals and its wait.
    async def wait():
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        await asyncio.sleep(60)

    with pytest.raises(Interrupted):
        thread_loop.run(wait())


def test_a_second_ctrl_c_while_stopping_is_final(kind):
    over = threading.Event()

    async def stubborn():
        threading.Timer(0.05, ctrl_c).start()
        try:
            await asyncio.sleep(60)
        finally:
            threading.Timer(0.05, ctrl_c).start()
            await held_up(over)

    with pytest.raises(Abandoned), kind() as loop:
        loop.run(stubborn())
    take_down(loop, over)


def test_abandoned_calls_are_not_waited_for(kind):
    log, over = [], threading.Event()

    @asynccontextmanager
    async def held():
        yield
        await held_up(over)
        log.append("left")

    async def stubborn():
        threading.Timer(0.05, ctrl_c).start()
        try:
            yield "word"
            await asyncio.sleep(60)
        finally:
            threading.Timer(0.05, ctrl_c).start()
            await held_up(over)
            log.append("closed")

    with pytest.raises(Abandoned), kind() as loop, loop.hold(held()):
        list(loop.stream(stubborn()))
    assert log == []
    take_down(loop, over)


def test_ctrl_c_right_before_a_call_begins(loop, monkeypatch):
    call_in_loop = loop._call_in_loop

    def interrupted(function):
        monkeypatch.setattr(loop, "_call_in_loop", call_in_loop)
        ctrl_c()
        call_in_loop(function)

    monkeypatch.setattr(loop, "_call_in_loop", interrupted)
    with pytest.raises(Interrupted):
        loop.run(asyncio.sleep(60))


def test_ctrl_c_in_a_blocked_loop():
    # Nothing else could end it. The kernel would make one of several that are sent at the same time.
    async def block():
        ctrl_c()
        ctrl_c()
        threading.Timer(0.05, ctrl_c).start()
        time.sleep(60)

    with pytest.raises(Abandoned), MainThreadLoop() as loop:
        loop.run(block())
    take_down(loop)


async def slow_to_close(number, log, over):
    try:
        yield "word"
        await asyncio.sleep(60)
    finally:
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        await held_up(over)
        log.append("closed")


def test_ctrl_c_while_a_stream_is_closed_is_final(kind):
    log, over = [], threading.Event()
    source = slow_to_close(signal.SIGINT, log, over)
    with pytest.raises(Abandoned), kind() as loop, closing(loop.stream(source)) as stream:
        next(stream)
    assert log == []
    take_down(loop, over)


def test_the_end_of_the_process_waits_until_a_stream_is_closed(kind):
    log, arrived = [], threading.Event()

    def end(number, frame):
        arrived.set()
        raise Ended(number)

    source = slow_to_close(signal.SIGTERM, log, arrived)
    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(Ended), kind() as loop, closing(loop.stream(source)) as stream:
            next(stream)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert log == ["closed"]


def test_the_loop_runs_while_input_is_waited_for(main_loop):
    behind, front = os.pipe()
    log = []

    async def write():
        await asyncio.sleep(0.05)
        log.append("written")
        os.write(front, b"x")

    async def begin():
        return asyncio.create_task(write())

    task = main_loop.run(begin())
    main_loop.wait_for_input(behind)
    assert (log, os.read(behind, 9)) == (["written"], b"x")
    os.close(front)
    main_loop.wait_for_input(behind)
    assert os.read(behind, 9) == b""
    os.close(behind)
    assert task.done()


def test_a_file_is_not_waited_for(main_loop, tmp_path):
    with (tmp_path / "script").open("wb") as file:
        main_loop.wait_for_input(file.fileno())


def test_ctrl_c_while_input_is_waited_for(main_loop):
    behind, front = os.pipe()
    threading.Timer(0.05, ctrl_c).start()
    with pytest.raises(Interrupted):
        main_loop.wait_for_input(behind)
    os.close(behind)
    os.close(front)


@asynccontextmanager
async def resource(log):
    task = asyncio.current_task()
    log.append("enter")
    yield "value"
    assert asyncio.current_task() is task
    log.append("leave")


def test_a_context_is_entered_and_left_in_one_task(loop):
    log = []
    with loop.hold(resource(log)) as value:
        assert value == "value"
        assert loop.run(asyncio.sleep(0, "meanwhile")) == "meanwhile"
    assert log == ["enter", "leave"]


def test_a_call_that_is_cancelled_before_it_begins(loop):
    log = []

    async def unborn():
        log.append("begun")

    call = Call(loop._loop, unborn(), loop._new_queue())

    def begin():
        call.begin()
        call._cancel()

    loop._call_in_loop(begin)
    assert call.queue.get(60) is DONE
    with pytest.raises(Interrupted):
        call.result()
    assert log == []


def test_a_context_that_cannot_be_entered(loop):
    class Broken:
        async def __aenter__(self):
            raise ValueError("boom")

        async def __aexit__(self, *exc):
            raise AssertionError

    with pytest.raises(ValueError, match="boom"), loop.hold(Broken()):
        raise AssertionError


def test_a_context_that_fails_when_it_is_left(loop):
    @asynccontextmanager
    async def broken():
        yield
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"), loop.hold(broken()):
        pass


def test_ctrl_c_while_a_context_is_entered(loop):
    log = []

    @asynccontextmanager
    async def slow():
        threading.Timer(0.05, ctrl_c).start()
        try:
            await asyncio.sleep(60)
        finally:
            log.append("left")
        yield

    with pytest.raises(Interrupted), loop.hold(slow()):
        raise AssertionError
    assert log == ["left"]


def test_tick_is_called_during_a_wait(kind):
    ticks = []

    async def two_ticks():
        async with asyncio.timeout(60):
            while len(ticks) < 2:
                await asyncio.sleep(0.01)

    with kind(lambda: ticks.append(1)) as loop:
        loop.run(two_ticks())


def test_on_other_threads_signals_are_not_handled(thread_loop):
    results = []
    thread = threading.Thread(target=lambda: results.append(thread_loop.run(answer())))
    thread.start()
    thread.join()
    assert results == ["kaito-loop"]


def test_a_blocking_call_runs_on_another_thread_and_its_exception_is_raised(loop):
    def fail():
        raise ValueError(threading.current_thread().name)

    with pytest.raises(ValueError, match="kaito-blocking"):
        loop.run(asyncio.to_thread(fail))
    assert loop.run(asyncio.to_thread(lambda: 5)) == 5
