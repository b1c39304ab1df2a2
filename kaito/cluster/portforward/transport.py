"""A TCP connection to a pod as an asyncio transport, over a WebSocket that is open already."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType

from kaito.cluster.portforward.address import PodPort
from kaito.cluster.portforward.buffer import WriteBuffer
from kaito.cluster.portforward.errors import TunnelError
from kaito.cluster.portforward.frames import DATA_PREFIX, FrameDecoder
from kaito.cluster.portforward.heartbeat import Heartbeat

#: Bytes in one message to the pod. The node holds a message in memory until the pod has taken it.
MESSAGE_SIZE: Final = 64 * 1024
#: Seconds that the WebSocket's own goodbye may take. The protocol has been told of the end by then.
GOODBYE: Final = 0.5

#: Codes of a close frame with which the API server passes on the pod's end of stream; 0: it gave none.
_CLEAN: Final = (0, aiohttp.WSCloseCode.OK)
_CUT: Final = "The connection to the API server was cut"


class TunnelTransport(asyncio.Transport):
    """A connection to a pod. Made by :func:`~kaito.cluster.portforward.dial.dial`; :meth:`start` gives it a protocol.

    Until then it is a spare: it answers pings, and knows when it has died.

    The protocol is told of the end by `connection_lost(None)` after the pod's end of stream or :meth:`close`, else by
    `connection_lost(TunnelError)` with the API server's words.

    Pings are sent from here, not by aiohttp's `heartbeat`: that takes a connection for dead whose reading is paused,
    as the pongs wait behind the data. Here silence counts only while the tunnel reads and has nothing left to write.

    Args:
        websocket: open, with pings and pongs left to its reader.
        decoder: has read all messages that the WebSocket gave so far.
        address: where the tunnel leads.
        heartbeat: seconds, see :class:`~kaito.cluster.portforward.heartbeat.Heartbeat`. A tunnel that died silently is
            noticed after two to three times that.
    """

    def __init__(
        self,
        websocket: aiohttp.ClientWebSocketResponse,
        decoder: FrameDecoder,
        address: PodPort,
        *,
        heartbeat: float,
    ) -> None:
        super().__init__({"peername": (address.pod, address.port), "pod": address})
        self.address = address
        self._websocket = websocket
        self._decoder = decoder
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._closing = self._ended = False
        self._failure: TunnelError | None = None

        self._arrived: list[memoryview] = []
        self._delivery: asyncio.Handle | None = None
        self._reading_paused = False
        self._may_read = asyncio.Event()
        self._may_read.set()

        self._buffer = WriteBuffer()
        self._control: deque[tuple[WSMsgType, bytes]] = deque()
        self._work = asyncio.Event()
        self._sending = self._unwritable = self._writing_paused = False

        self._heartbeat = Heartbeat(
            heartbeat,
            listening=lambda: self._may_read.is_set() and not self._sending,
            ping=lambda: self._send_control(WSMsgType.PING, b""),
            died=lambda: self.fail(TunnelError(f"The API server has been silent for over {2 * heartbeat:g} s")),
        )
        self._tasks = [
            self._loop.create_task(self._read(), name=f"read {address}"),
            self._loop.create_task(self._write(), name=f"write {address}"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._on_task_done)
        #: Done when the end has been told to the protocol and nothing of the tunnel is left.
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._farewell: asyncio.Task[None] | None = None

    # The protocol

    def start(self, protocol: asyncio.Protocol) -> None:
        """Make this the protocol's connection, once.

        Raises:
            TunnelError: the tunnel has ended meanwhile, and why.
        """
        if self._closing:
            raise self._failure or TunnelError(f"The tunnel to {self.address} has ended")
        self._protocol = protocol
        protocol.connection_made(self)
        self._update_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Exchange the protocol.

        Raises:
            TypeError: it is not of the kind that is given bytes.
        """
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError(f"A tunnel needs an asyncio.Protocol, not {type(protocol).__name__}")
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        """Return the protocol.

        Raises:
            RuntimeError: there is none yet.
        """
        if self._protocol is None:
            raise RuntimeError("The tunnel has no protocol yet")
        return self._protocol

    # Reading

    def is_reading(self) -> bool:
        """Whether data is passed on."""
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Pass no data on, and take none from the WebSocket: TCP then pushes back on the API server."""
        self._reading_paused = True
        self._update_reading()

    def resume_reading(self) -> None:
        """Pass data on again."""
        self._reading_paused = False
        self._update_reading()

    def _update_reading(self) -> None:
        # A spare whose pod speaks first keeps what one read brought; the rest waits in the network.
        held = self._reading_paused or (self._protocol is None and self._arrived)
        if held and not self._closing:
            self._may_read.clear()
            return
        # What came while nobody looked may be the answer to a ping.
        self._heartbeat.heard()
        self._may_read.set()
        self._schedule_delivery()

    async def _read(self) -> None:
        receive, decode, heard = self._websocket.receive, self._decoder.decode, self._heartbeat.heard
        may_read, arrived = self._may_read, self._arrived
        failure: TunnelError | None = None
        while True:
            if not may_read.is_set():
                await may_read.wait()
            message = await receive()
            heard()
            if message.type is WSMsgType.BINARY:
                try:
                    data = decode(message.data)
                except TunnelError as exc:
                    failure = exc
                    break
                if data:
                    # What one read from the network brought is passed on as one: `receive` waits, and lets the
                    # delivery run, only when it has no more.
                    arrived.append(data)
                    self._schedule_delivery()
            elif message.type is WSMsgType.PING:
                self._send_control(WSMsgType.PONG, message.data)
            elif message.type is not WSMsgType.PONG:
                failure = _verdict(message)
                break
        while arrived:
            self._deliver()
            await may_read.wait()
        if failure is None and self._protocol is not None and not self._closing:
            # The WebSocket is closed in both directions: the answer cannot keep it open.
            self._protocol.eof_received()
        self._end(failure)

    def _schedule_delivery(self) -> None:
        if self._delivery is None and self._arrived:
            self._delivery = self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
        arrived = self._arrived
        if self._closing:
            arrived.clear()
        elif self._protocol is None:
            self._update_reading()
        elif arrived and not self._reading_paused:
            data = b"".join(arrived)
            arrived.clear()
            try:
                self._protocol.data_received(data)
            except BaseException:
                self.fail(TunnelError("What the pod sent could not be handled"))
                raise

    # Writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send bytes to the pod, now or later; what cannot be sent any more is dropped."""
        self.writelines((data,))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        """Send several pieces, without joining them first."""
        if self._closing or self._unwritable:
            return
        for data in list_of_data:
            self._buffer.push(data)
        if self._buffer.size:
            self._work.set()
            self._update_writing()

    def can_write_eof(self) -> bool:
        """Return `False`: the subprotocol has no message that ends one direction alone."""
        return False

    def get_write_buffer_size(self) -> int:
        """Return the number of bytes that the WebSocket has not taken yet."""
        return self._buffer.size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark of the write buffer in bytes."""
        return self._buffer.low, self._buffer.high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks at which the protocol is asked to pause and to go on.

        Raises:
            ValueError: they are not `high >= low >= 0`.
        """
        self._buffer.set_limits(high, low)
        self._update_writing()

    def _update_writing(self) -> None:
        if self._protocol is None or self._ended:
            return
        if not self._writing_paused and self._buffer.size > self._buffer.high:
            self._writing_paused = True
            self._protocol.pause_writing()
        elif self._writing_paused and self._buffer.size <= self._buffer.low:
            self._writing_paused = False
            self._protocol.resume_writing()

    def _send_control(self, kind: WSMsgType, payload: bytes) -> None:
        self._control.append((kind, payload))
        self._work.set()

    async def _write(self) -> None:
        websocket, buffer, control = self._websocket, self._buffer, self._control
        try:
            while buffer.size or not self._closing:
                await self._work.wait()
                self._work.clear()
                while control or buffer.size:
                    self._sending = True
                    if control:
                        kind, payload = control.popleft()
                        await (websocket.ping if kind is WSMsgType.PING else websocket.pong)(payload)
                    else:
                        await websocket.send_bytes(buffer.pop(MESSAGE_SIZE, DATA_PREFIX))
                        self._update_writing()
                    self._sending = False
        except (aiohttp.ClientError, ConnectionError):
            # The reader knows why, and may still have data to pass on.
            self._unwritable, self._sending = True, False
            buffer.clear()
            self._update_writing()
            if self._closing:
                self._end(TunnelError(_CUT))
        else:
            self._end(None)

    # The end

    def is_closing(self) -> bool:
        """Whether the tunnel has ended or is about to."""
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end. No more data is passed on."""
        if not self._closing:
            self._closing = True
            self._update_reading()
            self._work.set()
            if self._unwritable:
                self._end(None)

    def abort(self) -> None:
        """End at once; what is buffered is lost."""
        self._end(None, at_once=True)

    def fail(self, reason: TunnelError) -> None:
        """End at once, with a reason for the protocol."""
        self._end(reason, at_once=True)

    def _end(self, failure: TunnelError | None, *, at_once: bool = False) -> None:
        if self._ended:
            return
        self._ended = self._closing = True
        self._failure = failure
        self._heartbeat.stop()
        self._arrived.clear()
        self._buffer.clear()
        self._farewell = self._loop.create_task(self._leave(at_once), name=f"leave {self.address}")
        self._farewell.add_done_callback(self._on_farewell_done)

    async def _leave(self, at_once: bool) -> None:
        reader, writer = self._tasks
        writer.cancel()
        if at_once:
            # Cancelled while it waits for a message, it lets the WebSocket close without waiting for the other side.
            reader.cancel()
        try:
            if self._protocol is not None:
                self._protocol.connection_lost(self._failure)
        finally:
            await say_goodbye(self._websocket)
            reader.cancel()
            await asyncio.wait(self._tasks)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._end(None)  # by whoever stops the loop
        elif (exc := task.exception()) is not None:
            self._report(exc)
            self.fail(TunnelError("The tunnel failed"))

    def _on_farewell_done(self, task: asyncio.Task[None]) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._report(exc)

    def _report(self, exc: BaseException) -> None:
        self._loop.call_exception_handler(
            {"message": f"A tunnel to {self.address} failed", "exception": exc, "transport": self}
        )


async def say_goodbye(websocket: aiohttp.ClientWebSocketResponse) -> None:
    """Close a WebSocket; when the other side does not answer soon, without its consent."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE):
            await websocket.close()


def _verdict(message: aiohttp.WSMessage) -> TunnelError | None:
    """Return why a message that is neither data nor a ping ends the tunnel; `None` for the pod's end of stream."""
    if message.type is WSMsgType.CLOSE:
        if message.data in _CLEAN:
            return None
        return TunnelError(f"The API server closed the tunnel: {message.extra or 'no reason given'} ({message.data})")
    if message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING):
        return TunnelError(_CUT)
    return TunnelError(f"The API server sent what is no message of a tunnel ({message.type.name})")
