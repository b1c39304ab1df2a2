"""Whether a way can be gone: does DNS know the name, and does the model's server answer."""

from __future__ import annotations

import asyncio
from typing import Final

from msgspec.structs import replace
from yarl import URL

from kaito.errors import ConnectError
from kaito.net.failures import NoResponseError
from kaito.net.http_session import EndpointSession
from kaito.settings import Settings
from kaito.types import Endpoint

#: Seconds that DNS is given. A resolver that does not answer would be asked for half a minute.
DNS_TIMEOUT: Final = 1.0
#: Seconds until a way must have shown that it leads somewhere.
_PATIENCE = 5.0


async def why_unresolved(host: str) -> str | None:
    """Return why DNS does not tell where a host is; `None` when it does."""
    try:
        # The thread that asks cannot be stopped: it is left behind.
        await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo(host, None), DNS_TIMEOUT)
    except TimeoutError:
        return f"DNS does not answer within {DNS_TIMEOUT:g} s what {host} is"
    except (OSError, UnicodeError):
        return f"DNS does not know {host}"
    return None


async def answers_as_model(endpoint: Endpoint, settings: Settings) -> int | None:
    """Ask for the list of models, as anybody could: no key is sent to a server that has not been chosen.

    Returns:
        `None` when it is there, else the HTTP status of the answer.

    Raises:
        KaitoError: nothing answers there, or what does is not what the endpoint should be.
    """
    public = replace(endpoint, headers={}) if endpoint.headers else endpoint
    nobody = replace(settings, api_key=None, headers=())
    url = URL(endpoint.url.removesuffix("/v1") + "/v1/models")
    try:
        async with asyncio.timeout(_PATIENCE), EndpointSession(public, nobody) as session:
            with await session.request("GET", url) as response:
                pass  # its headers are enough
    except NoResponseError as exc:
        raise ConnectError(endpoint.shown_url, exc.message) from None
    except TimeoutError:
        raise ConnectError(endpoint.shown_url, f"No answer within {_PATIENCE:g} s") from None
    status = response.status
    if 300 <= status < 400 or status >= 500:
        where = f" to {response.headers.get('Location', 'nowhere').partition('?')[0]}" if status < 400 else ""
        raise ConnectError(
            endpoint.shown_url, f"What answers there {'redirects' + where if where else 'fails'} (HTTP {status})"
        )
    return None if status == 200 and response.content_type == "application/json" else status
