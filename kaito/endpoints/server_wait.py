"""Waits until the server of `--endpoint` answers (`--wait`)."""

from __future__ import annotations

import asyncio

from yarl import URL

from kaito.endpoints.result_checks import check_endpoint
from kaito.errors import ConnectError, ForbiddenError, KaitoError, UsageError
from kaito.net.failures import NoResponseError
from kaito.net.http_session import EndpointSession
from kaito.settings import Settings
from kaito.types import Endpoint, Reporter
from kaito.util.durations import human_duration
from kaito.util.time_limits import time_limit

#: Paths that a server answers when its model is loaded: its list of models, its health, the list of a server without
#: `/v1`. vLLM has all but the last. While the weights are downloaded, KAITO's server answers 404.
_PATHS = ("/v1/models", "/health", "/models")
#: Statuses of a server that is running, and refuses only the key or the method.
_ANSWERS = (401, 403, 405)
#: Seconds for one request.
_PROBE_TIMEOUT = 10.0
#: Seconds between two attempts: the first, the factor, and the most.
_DELAY, _GROWTH, _LONGEST = 0.2, 1.5, 2.0


async def wait_until_answering(endpoint: Endpoint, settings: Settings, timeout: float, reporter: Reporter) -> None:
    """Return when the endpoint's server answers. The reporter receives a notice for each reason why it does not.

    Args:
        timeout: seconds; 0 checks once.

    Raises:
        ConnectError: it does not answer in time.
        UsageError: the proxy or the certificate authority cannot be used.
        ForbiddenError: the proxy requires credentials.
        TypeError: a field of the endpoint has the wrong type.
        ValueError: its URL is not one of HTTP.
    """
    check_endpoint(endpoint)
    reason = ""
    try:
        async with asyncio.timeout(timeout or None), EndpointSession(endpoint, settings) as session:
            delay = _DELAY
            while problem := await _problem(endpoint, session):
                # Some failures name the server themselves.
                problem = problem.removeprefix(f"{endpoint.label}: ")
                if problem != reason:
                    reason = problem
                    if timeout:
                        reporter.notice(f"Waiting for {endpoint.label}: {reason}")
                if not timeout:
                    raise ConnectError(endpoint.shown_url, f"The server is not ready: {reason}")
                reporter.status("waiting")
                await asyncio.sleep(delay)
                delay = min(delay * _GROWTH, _LONGEST)
    except TimeoutError:
        waited = human_duration(timeout) if timeout >= 1 else f"{timeout:g}s"
        message = f"The server was not ready after {waited} (--wait)"
        raise ConnectError(endpoint.shown_url, f"{message}: {reason}" if reason else message) from None
    finally:
        reporter.status("")


async def _problem(endpoint: Endpoint, session: EndpointSession) -> str:
    """Return why the server cannot be used yet; `""` when it can."""
    first = ""
    for path in _PATHS:
        status = await _status(endpoint, session, path)
        if status == 200 or status in _ANSWERS:
            return ""
        problem = f"HTTP {status} for {path}" if isinstance(status, int) else status
        # Only a server that does not know a path is asked for another.
        if status != 404:
            # Another status says more than a 404.
            return problem
        first = first or problem
    return first


async def _status(endpoint: Endpoint, session: EndpointSession, path: str) -> int | str:
    """Return the status of a request; the reason when there is no response."""
    url = URL(endpoint.base + path).update_query(URL(endpoint.url).query)
    try:
        async with time_limit(_PROBE_TIMEOUT):
            with await session.request("GET", url) as response:
                return response.status
    except TimeoutError:
        return f"no response within {_PROBE_TIMEOUT:g} s"
    except NoResponseError as exc:
        return exc.message
    except (UsageError, ForbiddenError):
        raise
    except KaitoError as exc:
        return exc.details[0] if isinstance(exc, ConnectError) and exc.details else exc.message
