"""TCP connections to a pod over the API server's port-forward WebSocket, without `kubectl` or a local port.

`protocol` decodes messages without I/O. `dial` opens a tunnel, and `transport` makes it an asyncio transport with the
help of `buffer` and `heartbeat`. `pool` keeps a spare tunnel open, `connector` gives tunnels to aiohttp's client, and
`pod_route` follows the pod when it is replaced.
"""

from kaito.cluster.portforward.connector import TunnelConnector
from kaito.cluster.portforward.dial import Connect, dial
from kaito.cluster.portforward.pool import TunnelPool
from kaito.cluster.portforward.protocol import FrameError, PodPort, TunnelError
from kaito.cluster.portforward.transport import TunnelTransport

__all__ = [
    "Connect",
    "FrameError",
    "PodPort",
    "TunnelConnector",
    "TunnelError",
    "TunnelPool",
    "TunnelTransport",
    "dial",
]
