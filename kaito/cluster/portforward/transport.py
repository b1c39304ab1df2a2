"""An asyncio transport for a TCP connection to a pod, over an open port-forward WebSocket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSMsgType

from kaito.cluster.portforward.buffer import WriteBuffer
from kaito.cluster.portforward.heartbeat import Heartbeat
from kaito.cluster.portforward.protocol import DATA_PREFIX, FrameDecoder, PodPort, TunnelError

#: The most bytes in one message to the pod. The node keeps a message in memory until the pod has read it.
MESSAGE_SIZE: Final = 64 * 1024
#: Seconds for the WebSocket's closing handshake. The protocol knows of the end by then.
CLOSE_TIMEOUT: Final = 0.5

#: Codes of a close frame that mean the pod's end of stream; 0 for a frame without a code.
_CLEAN: Final = (0, aiohttp.WSCloseCode.OK)
_DISCONNECTED: Final = "The connection to the API server was lost"


class TunnelTransport(asyncio.Transport):
    """A connection to a pod. :func:`~kaito.cluster.portforward.dial.dial` creates it, :meth:`start` sets its protocol.

    Until then it is a spare: it answers pings, and notices when it has died.

    The protocol gets `connection_lost(None)` after the pod's end of stream or :meth:`close`, otherwise
    `connection_lost(TunnelError)` with the API server's message.

    aiohttp's own `heartbeat` would report a connection dead whose reading is paused, as the pongs wait behind the data.
    Here silence counts only while the tunnel is being read and has nothing left to write.

    Args:
        websocket: open, with pings and pongs left to its reader.
        decoder: has decoded all messages that were received so far.
        address: the pod's port.
        heartbeat: seconds. A dead tunnel is detected after two to three times that.
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

        self._received: list[memoryview] = []
        self._delivery: asyncio.Handle | None = None
        self._reading_paused = False
        self._may_read = asyncio.Event()
        self._may_read.set()

        self._buffer = WriteBuffer()
        self._control: deque[tuple[WSMsgType, bytes]] = deque()
        self._work = asyncio.Event()
        self._sending = self._broken = self._writing_paused = False

        self._heartbeat = Heartbeat(
            heartbeat,
            listening=lambda: self._may_read.is_set() and not self._sending,
            ping=lambda: self._send_control(WSMsgType.PING, b""),
            died=lambda: self.fail(TunnelError(f"The API server has not responded for {2 * heartbeat:g} s")),
        )
        self._tasks = [
            self._loop.create_task(self._read(), name=f"read {address}"),
            self._loop.create_task(self._write(), name=f"write {address}"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._on_task_done)
        #: Done when the protocol knows of the end and all tasks have ended.
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._closer: asyncio.Task[None] | None = None

    # The protocol

    def start(self, protocol: asyncio.Protocol) -> None:
        """Set the protocol and start to deliver data, or raise the error of a tunnel that has ended."""
        if self._closing:
            raise self._failure or TunnelError(f"The tunnel to {self.address} has ended")
        self._protocol = protocol
        protocol.connection_made(self)
        self._update_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if not isinstance(protocol, asyncio.Protocol):
            raise TypeError(f"A tunnel requires an asyncio.Protocol, not {type(protocol).__name__}")
        self._protocol = protocol

    def get_protocol(self) -> asyncio.Protocol:
        if self._protocol is None:
            raise RuntimeError("The tunnel has no protocol yet")
        return self._protocol

    # Reading

    def is_reading(self) -> bool:
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Stop reading the WebSocket: TCP then slows the API server down."""
        self._reading_paused = True
        self._update_reading()

    def resume_reading(self) -> None:
        self._reading_paused = False
        self._update_reading()

    def _update_reading(self) -> None:
        # A spare whose pod sends first keeps the data of one read; the rest waits in the network.
        paused = self._reading_paused or (self._protocol is None and self._received)
        if paused and not self._closing:
            self._may_read.clear()
            return
        # A pong may have arrived in the meantime.
        self._heartbeat.heard()
        self._may_read.set()
        self._schedule_delivery()

    async def _read(self) -> None:
        receive, decode, heard = self._websocket.receive, self._decoder.decode, self._heartbeat.heard
        may_read, received = self._may_read, self._received
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
                    # All messages of one read from the network are delivered together: `receive` suspends, and lets the
                    # delivery run, only when it has no more.
                    received.append(data)
                    self._schedule_delivery()
            elif message.type is WSMsgType.PING:
                self._send_control(WSMsgType.PONG, message.data)
            elif message.type is not WSMsgType.PONG:
                failure = _failure(message)
                break
        while received:
            self._deliver()
            await may_read.wait()
        if failure is None and self._protocol is not None and not self._closing:
            # The result is ignored: the WebSocket is closed in both directions and cannot stay open for writing.
            self._protocol.eof_received()
        self._end(failure)

    def _schedule_delivery(self) -> None:
        if self._delivery is None and self._received:
            self._delivery = self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
        received = self._received
        if self._closing:
            received.clear()
        elif self._protocol is None:
            self._update_reading()
        elif received and not self._reading_paused:
            data = b"".join(received)
            received.clear()
            try:
                self._protocol.data_received(data)
            except BaseException:
                self.fail(TunnelError("The data from the pod could not be processed"))
                raise

    # Writing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.writelines((data,))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        if self._closing or self._broken:
            return
        for data in list_of_data:
            self._buffer.push(data)
        if self._buffer.size:
            self._work.set()
            self._update_writing()

    def can_write_eof(self) -> bool:
        """Return `False`: the subprotocol cannot close one direction."""
        return False

    def get_write_buffer_size(self) -> int:
        return self._buffer.size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._buffer.low, self._buffer.high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
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
            # The reader will get the reason, and may still have data to deliver.
            self._broken, self._sending = True, False
            buffer.clear()
            self._update_writing()
            if self._closing:
                self._end(TunnelError(_DISCONNECTED))
        else:
            self._end(None)

    # The end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send the buffered bytes, then end. No more data is passed to the protocol."""
        if not self._closing:
            self._closing = True
            self._update_reading()
            self._work.set()
            if self._broken:
                self._end(None)

    def abort(self) -> None:
        self._end(None, at_once=True)

    def fail(self, reason: TunnelError) -> None:
        """End at once, with this error for the protocol."""
        self._end(reason, at_once=True)

    def _end(self, failure: TunnelError | None, *, at_once: bool = False) -> None:
        if self._ended:
            return
        self._ended = self._closing = True
        self._failure = failure
        self._heartbeat.stop()
        self._received.clear()
        self._buffer.clear()
        self._closer = self._loop.create_task(self._finish(at_once), name=f"close {self.address}")
        self._closer.add_done_callback(self._on_closed)

    async def _finish(self, at_once: bool) -> None:
        reader, writer = self._tasks
        writer.cancel()
        if at_once:
            # A WebSocket whose reader was cancelled closes without waiting for the peer.
            reader.cancel()
        try:
            if self._protocol is not None:
                self._protocol.connection_lost(self._failure)
        finally:
            await close_websocket(self._websocket)
            reader.cancel()
            await asyncio.wait(self._tasks)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._end(None)  # the loop is being stopped
        elif (exc := task.exception()) is not None:
            self._report(exc)
            self.fail(TunnelError("The tunnel failed"))

    def _on_closed(self, task: asyncio.Task[None]) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._report(exc)

    def _report(self, exc: BaseException) -> None:
        self._loop.call_exception_handler(
            {"message": f"A tunnel to {self.address} failed", "exception": exc, "transport": self}
        )


async def close_websocket(websocket: aiohttp.ClientWebSocketResponse) -> None:
    """Close a WebSocket, without waiting long for the peer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await websocket.close()


def websocket_error(exc: Any) -> TunnelError:
    """Return the error for a message that violates the WebSocket protocol."""
    if isinstance(exc, aiohttp.WebSocketError) and exc.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
        return TunnelError("The API server sent a message that is too large")
    return TunnelError("The API server sent a message that is not valid")


def _failure(message: aiohttp.WSMessage) -> TunnelError | None:
    """Return the error for a message that ends the tunnel; `None` for the pod's end of stream."""
    if message.type is WSMsgType.CLOSE:
        if message.data in _CLEAN:
            return None
        return TunnelError(
            f"The API server closed the port-forward: {message.extra or 'no reason given'} ({message.data})"
        )
    if message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING):
        return TunnelError(_DISCONNECTED)
    if message.type is WSMsgType.ERROR:
        return websocket_error(message.data)
    return TunnelError(f"The API server sent an unexpected WebSocket message ({message.type.name})")
