"""Tasks and callbacks of the event loop that call `sys.exit`."""

import asyncio
import sys
from contextlib import asynccontextmanager

import pytest

from kaito.errors import PluginError
from kaito.eventloop.background_exits import running_plugin
from kaito.eventloop.main_thread import MainThreadLoop
from kaito.eventloop.thread import ThreadedLoop

EXITS = "A plugin tried to end the process: SystemExit: 3"


@pytest.fixture(params=[ThreadedLoop, MainThreadLoop])
def kind(request):
    return request.param


@pytest.fixture
def loop(kind):
    with kind() as loop:
        yield loop


async def leave(error=SystemExit):
    await asyncio.sleep(0)
    raise error(3)


def begin(exit="task"):
    """Have something exit soon, in the running loop."""
    match exit:
        case "task":
            return asyncio.create_task(leave())
        case "interrupt":
            return asyncio.create_task(leave(KeyboardInterrupt))
        case "callback":
            return asyncio.get_running_loop().call_later(0.01, sys.exit, 3)


@pytest.mark.parametrize("exit", ["task", "callback", "interrupt"])
def test_a_call_that_is_waited_for_fails_and_cleans_up(loop, exit):
    log = []

    async def wait():
        kept = begin(exit)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            log.append(kept is not None)

    with pytest.raises(PluginError, match=r"tried to end the process: (SystemExit|KeyboardInterrupt): 3"):
        loop.run(wait())
    assert log == [True]
    assert loop.run(asyncio.sleep(0, "still here")) == "still here"


def test_a_stream_fails_after_what_it_had(loop):
    async def numbers():
        yield 1
        kept = begin()
        await asyncio.sleep(60)
        yield kept

    stream = loop.stream(numbers())
    assert next(stream) == 1
    with pytest.raises(PluginError, match=EXITS):
        next(stream)
    assert loop.run(asyncio.sleep(0, "still here")) == "still here"


def test_a_context_that_is_entered_fails_and_is_left(loop):
    log = []

    @asynccontextmanager
    async def slow():
        kept = begin()
        try:
            await asyncio.sleep(60)
        finally:
            log.append(kept.done())
        yield

    with pytest.raises(PluginError, match=EXITS), loop.hold(slow()):
        raise AssertionError
    assert log == [True]


def test_a_context_that_is_left_fails(loop):
    @asynccontextmanager
    async def slow():
        yield
        kept = begin()
        await asyncio.sleep(60)
        del kept

    with pytest.raises(PluginError, match=EXITS), loop.hold(slow()):
        pass


async def exited_and_noticed():
    """Return when a task has exited and the loop is about to report it, which this call does not prevent."""
    task = begin()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return task.done()


def test_the_next_call_fails_when_nothing_is_waited_for(loop):
    assert loop.run(exited_and_noticed())
    with pytest.raises(PluginError, match=EXITS):
        loop.run(asyncio.sleep(60))
    assert loop.run(asyncio.sleep(0, "still here")) == "still here"


def test_the_end_of_the_loop_fails_when_nothing_is_waited_for(kind):
    loop = kind()
    loop.__enter__()
    loop.run(exited_and_noticed())
    with pytest.raises(PluginError, match=EXITS):
        loop.__exit__(None, None, None)


def test_a_coroutine_that_awaits_the_task_handles_it(loop):
    async def guarded():
        try:
            await begin()
        except SystemExit as exc:
            return f"exited with {exc.code}"

    async def gathered():
        results = await asyncio.gather(begin(), begin(), return_exceptions=True)
        return [str(result) for result in results]

    assert loop.run(guarded()) == "exited with 3"
    assert loop.run(gathered()) == ["3", "3"]
    assert loop.run(asyncio.sleep(0.05, "still here")) == "still here"


def test_a_call_that_exits_itself_fails(loop):
    with pytest.raises(PluginError, match=EXITS):
        loop.run(leave())


def test_the_plugin_is_named_whose_code_started_the_task(loop):
    async def start():
        before = running_plugin.get()
        running_plugin.set("'mine' (mine.py)")
        # Not the task itself, but one that it starts later.
        kept = asyncio.create_task(start_another())
        running_plugin.set(before)
        await asyncio.sleep(60)
        del kept

    async def start_another():
        await asyncio.sleep(0)
        return begin()

    with pytest.raises(PluginError, match=r"Plugin 'mine' \(mine.py\) tried to end the process: SystemExit: 3"):
        loop.run(start())
