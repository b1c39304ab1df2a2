"""A plugin that blocks `getaddrinfo` for example.com."""

from __future__ import annotations

import socket
import threading
from typing import Any

_real = socket.getaddrinfo


def _silent(host: Any, *arguments: Any, **named: Any) -> Any:
    if isinstance(host, str) and host.endswith(".example.com"):
        threading.Event().wait(30.0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _real(host, *arguments, **named)


vars(socket)["getaddrinfo"] = _silent
