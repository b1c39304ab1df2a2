"""TCP connections to a pod, carried by the API server's port-forward WebSocket inside this process.

`frames` is the protocol, without I/O; `dial` opens a tunnel, `transport` makes it an asyncio transport (with `buffer`
and `heartbeat`), `pool` keeps one dialled ahead for the pod of the moment, `connector` gives them to aiohttp's client.
"""

from kaito.cluster.portforward.address import PodPort
from kaito.cluster.portforward.connector import TunnelConnector
from kaito.cluster.portforward.dial import WEBSOCKET_OPTIONS, Connect, dial
from kaito.cluster.portforward.errors import FrameError, TunnelError
from kaito.cluster.portforward.pool import TunnelPool
from kaito.cluster.portforward.transport import TunnelTransport

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
