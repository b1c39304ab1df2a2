"""TCP connections to a pod, carried by the API server's port-forward WebSocket inside this process.

`frames` is the protocol, without I/O; `dial` opens a tunnel, `transport` makes it an asyncio transport (with `buffer`
and `heartbeat`), `pool` keeps one dialled ahead for the pod of the moment, `connector` gives them to aiohttp's client.
"""

from kaito.cluster.tunnel.address import PodPort
from kaito.cluster.tunnel.connector import TunnelConnector
from kaito.cluster.tunnel.dial import WEBSOCKET_OPTIONS, Connect, dial
from kaito.cluster.tunnel.errors import FrameError, TunnelError
from kaito.cluster.tunnel.pool import TunnelPool
from kaito.cluster.tunnel.transport import TunnelTransport

__all__ = [
    "WEBSOCKET_OPTIONS",
    "Connect",
    "FrameError",
    "PodPort",
    "TunnelConnector",
    "TunnelError",
    "TunnelPool",
    "TunnelTransport",
    "dial",
]
