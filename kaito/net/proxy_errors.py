"""What can be wrong with a proxy."""

from __future__ import annotations

from kaito.errors import ForbiddenError


class ProxyError(ValueError):
    """A proxy cannot be used. The message begins with `a proxy` and never shows the URL, which may hold a password.

    Args:
        hints: what the user can do.
    """

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.hints = hints


def proxy_credentials_required(reason: str) -> ForbiddenError:
    """Return what to raise when a proxy answers 407."""
    return ForbiddenError(
        f"The proxy requires credentials: {reason}", "Put them into the proxy's URL, in HTTP_PROXY or HTTPS_PROXY"
    )
