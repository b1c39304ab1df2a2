"""What asyncio and aiohttp log does not reach the terminal."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc, logging
from kaito.eventloop.main_thread import MainThreadLoop

async def fail():
    raise OSError("sesame")

async def run():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    asyncio.create_task(fail())
    await asyncio.sleep(0.01)
    gc.collect()
    for name in ("asyncio", "aiohttp.client", "aiohttp.server", "concurrent.futures"):
        logging.getLogger(name).error("sesame")

with MainThreadLoop() as loop:
    loop.run(run())
LAST
"""


def run(last):
    command = [sys.executable, "-c", PROGRAM.replace("LAST", last)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_nothing_is_written():
    assert run("").stderr == ""


def test_a_plugin_can_have_it_written():
    assert "sesame" in run("logging.basicConfig(); logging.getLogger('asyncio').error('sesame')").stderr
