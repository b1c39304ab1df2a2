"""A loopback API server whose pods are functions of a test, and a protocol that records its calls."""

import asyncio
import functools
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from kaito.cluster.portforward import PodPort, dial

POD = PodPort(namespace="default", pod="demo-0", port=5000)
#: Seconds after which a test fails.
DEADLINE = 60.0
MEGABYTE = bytes(range(256)) * 4096
#: The first messages of both channels, for port 5000.
OPENING = (b"\0\x88\x13", b"\1\x88\x13")


def in_loop(test):
    """Run an asynchronous test. It must not leave a task or report an exception to the loop."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        reports = []

        async def main():
            asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
            async with asyncio.timeout(DEADLINE):
                await test(*args, **kwargs)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left

        asyncio.run(main())
        assert not reports

    return run


class Side:
    """The API server's side of one WebSocket."""

    def __init__(self, request, websocket):
        self.websocket = websocket
        self.path = request.path
        self.port = int(request.query["ports"])
        self._request = request

    async def send(self, data):
        await self.websocket.send_bytes(b"\0" + data)

    async def error(self, message):
        await self.websocket.send_bytes(b"\1" + message)

    async def receive(self):
        """Return the bytes of the next message; `None` at the end."""
        message = await self.websocket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            return None
        assert message.data[0] == 0
        return message.data[1:]

    async def receive_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            data += await self.receive()
        return bytes(data)

    async def rest(self):
        """Return everything until the tunnel is closed."""
        data = bytearray()
        while (piece := await self.receive()) is not None:
            data += piece
        return bytes(data)

    def cut(self):
        self._request.transport.abort()


class Node:
    """An API server with one pod. Create it with :func:`node`."""

    def __init__(self, pod):
        #: What the pod does: an asynchronous function of a :class:`Side`. The stream ends when it returns.
        self.pod = pod
        self.opening = OPENING
        self.protocols = ("v4.channel.k8s.io",)
        self.autoping = True
        self.sides = []
        self.url = None
        self.session: aiohttp.ClientSession

    async def handle(self, request):
        websocket = web.WebSocketResponse(protocols=self.protocols, compress=False, autoping=self.autoping, timeout=0.1)
        await websocket.prepare(request)
        side = Side(request, websocket)
        self.sides.append(side)
        for message in self.opening:
            await websocket.send_bytes(message)
        await self.pod(side)
        await websocket.close()
        return websocket

    async def connect(self, path, params, protocols, *, timeout, **options):
        return await self.session.ws_connect(path, params=params, protocols=protocols, **options)

    async def dial(self, address=POD, *, timeout=10.0, heartbeat=60.0):
        return await dial(self.connect, address, timeout=timeout, heartbeat=heartbeat)

    @asynccontextmanager
    async def tunnel(self, **more):
        """Yield a tunnel and its protocol. Close it at the end."""
        tunnel = await self.dial(**more)
        notes = Notes()
        tunnel.start(notes)
        try:
            yield tunnel, notes
        finally:
            tunnel.abort()
            await tunnel.closed


@asynccontextmanager
async def node(pod):
    """Yield a running :class:`Node` with an open client session."""
    served = Node(pod)
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{pod}/portforward", served.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(served.url, connector=aiohttp.TCPConnector(limit=0)) as served.session:
            yield served
    finally:
        await runner.cleanup()


class Notes(asyncio.Protocol):
    """Records a transport's calls."""

    def __init__(self):
        self.data = bytearray()
        self.reads = 0
        self.calls = []
        self.lost = None
        self._news = asyncio.Event()

    def _note(self, call):
        self.calls.append(call)
        self._news.set()

    def connection_made(self, transport):
        self._note("made")

    def data_received(self, data):
        assert type(data) is bytes
        assert data
        self.data += data
        self.reads += 1
        self._news.set()

    def eof_received(self):
        self._note("eof")

    def pause_writing(self):
        self._note("pause")

    def resume_writing(self):
        self._note("resume")

    def connection_lost(self, exc):
        self.lost = exc
        self._note("lost")

    async def until(self, condition):
        """Wait until a condition on these notes holds."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    async def end(self):
        """Wait for the end, and return its error."""
        await self.until(lambda: "lost" in self.calls)
        return self.lost


async def echo(side):
    """A pod that sends back what it receives."""
    while (data := await side.receive()) is not None:
        await side.send(data)


def forward_to(host, port):
    """Return a pod that forwards its connections to a server."""

    async def pod(side):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            async with asyncio.TaskGroup() as group:
                upward = group.create_task(pump_up(side, writer))
                while data := await reader.read(32 * 1024):
                    await side.send(data)
                upward.cancel()
        finally:
            writer.close()

    async def pump_up(side, writer):
        while (data := await side.receive()) is not None:
            writer.write(data)
            await writer.drain()
        writer.close()

    return pod


async def until(condition):
    """Wait until a condition on the other side holds."""
    while not condition():
        await asyncio.sleep(0.005)
