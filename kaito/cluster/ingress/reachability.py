"""Checks whether a model's server responds at the end of a route."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from yarl import URL

from kaito.errors import ConnectError
from kaito.net.failures import NoResponseError
from kaito.net.http_session import EndpointSession
from kaito.net.redirects import shown_location
from kaito.settings import Settings
from kaito.types import Endpoint

#: Seconds for the whole request.
_PROBE_TIMEOUT = 5.0


async def probe_models(endpoint: Endpoint, settings: Settings) -> int | None:
    """Request the list of models, without credentials, because the endpoint has not been chosen yet.

    Returns:
        `None` when the response is a list of models, else its HTTP status.

    Raises:
        KaitoError: nothing responds, or the response is a redirect or a server error.
    """
    public = replace(endpoint, headers={}) if endpoint.headers else endpoint
    anonymous = replace(settings, api_key=None, headers=())
    url = URL(f"{endpoint.base}/v1/models")
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT), EndpointSession(public, anonymous) as session:
            with await session.request("GET", url) as response:
                pass  # the headers are enough
    except NoResponseError as exc:
        raise ConnectError(endpoint.shown_url, exc.message) from None
    except TimeoutError:
        raise ConnectError(endpoint.shown_url, f"No response within {_PROBE_TIMEOUT:g} s") from None
    status = response.status
    if 300 <= status < 400:
        location = shown_location(response.headers.get("Location", ""))
        raise ConnectError(endpoint.shown_url, f"The server redirects to {location} (HTTP {status})")
    if status >= 500:
        raise ConnectError(endpoint.shown_url, f"The server returned an error (HTTP {status})")
    return None if status == 200 and response.content_type == "application/json" else status
