"""Checks whether kwok forwards to a pod already: its own watch may report the pod late."""

from __future__ import annotations

import base64
import os
import socket
import ssl

#: kwok's error for a port without a PortForward.
_UNKNOWN = b"no forward found"
#: Its error for one whose target refuses connections.
_REFUSED = b"refused"
_TIMEOUT = 5.0


def is_known(address: tuple[str, int], tls: ssl.SSLContext, path: str) -> bool:
    """Connect to a port that is forwarded to a closed one; return whether kwok tries to forward it.

    Args:
        address: the API server's.
        tls: presents a user with the permission.
        path: of the port-forward, with the port in its query.
    """
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
        "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    )
    answer = b""
    with (
        socket.create_connection(address, _TIMEOUT) as plain,
        tls.wrap_socket(plain, server_hostname=address[0]) as connection,
    ):
        connection.sendall(request.encode())
        while _UNKNOWN not in answer and _REFUSED not in answer:
            data = connection.recv(4096)
            if not data:
                return False
            answer += data
    return _REFUSED in answer
