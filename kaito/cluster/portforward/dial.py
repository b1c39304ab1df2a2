"""Dials a tunnel: a WebSocket to the API server, until it reaches the pod's node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp

from kaito.cluster.portforward.address import PodPort
from kaito.cluster.portforward.errors import FrameError, TunnelError
from kaito.cluster.portforward.frames import SUBPROTOCOL, FrameDecoder
from kaito.cluster.portforward.transport import TunnelTransport, say_goodbye

#: Seconds between two looks for silence. A tunnel that was cut without a word is noticed after 20 to 30.
HEARTBEAT: Final = 9.0
#: How :data:`Connect` must open the WebSocket: arguments of `aiohttp.ClientSession.ws_connect`. The
#: tunnel pings by itself, and must see the pongs.
WEBSOCKET_OPTIONS: Final[Mapping[str, Any]] = {"autoping": False, "heartbeat": None, "compress": 0}

#: Opens a WebSocket to the API server: a path, its query and the subprotocols.
Connect = Callable[[str, Mapping[str, str], Sequence[str]], Awaitable[aiohttp.ClientWebSocketResponse]]


async def dial(connect: Connect, address: PodPort, *, heartbeat: float = HEARTBEAT) -> TunnelTransport:
    """Return a tunnel to a pod's port, as soon as the pod's node has greeted.

    Whether anything listens at the port shows a moment later, and is not waited for: a refused connection then ends the
    tunnel with an error.

    Args:
        connect: opens the WebSocket with :data:`WEBSOCKET_OPTIONS`. What it raises passes through; aiohttp's
            errors become `TunnelError`s.
        address: the pod's port.
        heartbeat: seconds, see :class:`~kaito.cluster.portforward.transport.TunnelTransport`.

    Raises:
        TunnelError: the tunnel was refused.
    """
    path = f"/api/v1/namespaces/{address.namespace}/pods/{address.pod}/portforward"
    try:
        websocket = await connect(path, {"ports": str(address.port)}, [SUBPROTOCOL])
    except aiohttp.WSServerHandshakeError as exc:
        raise TunnelError(f"The API server refuses a tunnel to {address} (HTTP {exc.status})") from exc
    except aiohttp.ClientError as exc:
        raise TunnelError(f"No tunnel to {address}: {exc}") from exc
    try:
        if websocket.protocol != SUBPROTOCOL:
            raise FrameError(f"The API server does not speak {SUBPROTOCOL}")
        decoder = FrameDecoder(address.port)
        while not decoder.ready:
            await _read_greeting(websocket, decoder)
        return TunnelTransport(websocket, decoder, address, heartbeat=heartbeat)
    except BaseException:
        await say_goodbye(websocket)
        raise


async def _read_greeting(websocket: aiohttp.ClientWebSocketResponse, decoder: FrameDecoder) -> None:
    message = await websocket.receive()
    if message.type is aiohttp.WSMsgType.BINARY:
        if decoder.decode(message.data):
            raise FrameError("The pod's data came before the tunnel was open")
    elif message.type is aiohttp.WSMsgType.PING:
        await websocket.pong(message.data)
    elif message.type is not aiohttp.WSMsgType.PONG:
        raise TunnelError("The API server closed the tunnel before it was open")
