"""Opens a tunnel: a WebSocket to the API server that has reached the pod's node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol

import aiohttp

from kaito.cluster.portforward.protocol import SUBPROTOCOL, FrameDecoder, FrameError, PodPort, TunnelError
from kaito.cluster.portforward.transport import TunnelTransport, close_websocket, websocket_error

#: The most seconds that opening a tunnel may take, in addition to waiting for a busy API server.
DIAL_TIMEOUT: Final = 10.0
#: Seconds between two checks for silence. A dead tunnel is detected after 20 to 30 seconds.
HEARTBEAT: Final = 9.0
# The transport sends pings itself, and must receive the pongs.
_OPTIONS: Final[Mapping[str, Any]] = {"autoping": False, "heartbeat": None, "compress": 0}


class Connect(Protocol):
    """Opens a WebSocket to the API server: :meth:`kaito.cluster.api_client.ApiClient.websocket`."""

    def __call__(
        self, path: str, params: Mapping[str, str], protocols: Sequence[str], *, timeout: float, **options: Any
    ) -> Awaitable[aiohttp.ClientWebSocketResponse]: ...


async def dial(
    connect: Connect, address: PodPort, *, timeout: float = DIAL_TIMEOUT, heartbeat: float = HEARTBEAT
) -> TunnelTransport:
    """Return a tunnel to a pod's port, once both channels are open.

    Args:
        timeout: seconds for each attempt to open the WebSocket, and for the channels.

    Whether anything listens on the port shows a moment later: a refused connection then ends the tunnel with an error.

    Raises:
        TunnelError: the tunnel cannot be opened. Errors of `connect` are passed on.
    """
    path = f"/api/v1/namespaces/{address.namespace}/pods/{address.pod}/portforward"
    websocket = await connect(path, {"ports": str(address.port)}, [SUBPROTOCOL], timeout=timeout, **_OPTIONS)
    try:
        if websocket.protocol != SUBPROTOCOL:
            raise FrameError(f"The API server does not support {SUBPROTOCOL}")
        decoder = FrameDecoder(address.port)
        try:
            async with asyncio.timeout(timeout):
                while not decoder.ready:
                    await _read_opening(websocket, decoder)
        except TimeoutError:
            raise TunnelError(f"The port-forward to {address} was not open within {timeout:g} s") from None
        return TunnelTransport(websocket, decoder, address, heartbeat=heartbeat)
    except BaseException:
        await close_websocket(websocket)
        raise


async def _read_opening(websocket: aiohttp.ClientWebSocketResponse, decoder: FrameDecoder) -> None:
    message = await websocket.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        if decoder.decode(message.data):
            raise FrameError("The API server sent data before the port-forward was open")
    elif message.type is aiohttp.WSMsgType.PING:
        await websocket.pong(message.data)
    elif message.type is aiohttp.WSMsgType.ERROR:
        raise websocket_error(message.data)
    elif message.type is not aiohttp.WSMsgType.PONG:
        raise TunnelError("The API server closed the port-forward before it was open")
