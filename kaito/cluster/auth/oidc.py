"""Reads the ID token of a kubeconfig's OpenID Connect login, and renews it when it has expired.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-kubectl
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import yaml
from msgspec import Struct
from yarl import URL

from kaito.cluster.auth.certificates import server_context
from kaito.cluster.auth.credential_values import read_pem
from kaito.cluster.auth.kubeconfig import Context
from kaito.cluster.auth.kubeconfig_types import Data, Place, decode_data
from kaito.errors import ForbiddenError, KaitoError
from kaito.net.failures import HTTP_ERRORS, Cause, Failure, classify
from kaito.net.proxies import by_kind, proxy_for
from kaito.net.responses import read_up_to
from kaito.net.socks import SocksConnector
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.limits import PROVIDER_ANSWER, SHOWN_NAME, shown_size
from kaito.util.safe_files import replace_file
from kaito.util.user_files import read_bytes
from kaito.util.yaml_reader import YamlError, read_yaml

#: How many seconds before its expiry a token is renewed.
_MARGIN = 10
_TIMEOUT = aiohttp.ClientTimeout(total=30)


class _Claims(Struct, frozen=True):
    """The fields of an ID token that are used (OpenID Connect Core, 2)."""

    #: Seconds since 1970.
    exp: float


class _Discovery(Struct, frozen=True):
    """The fields of a provider's configuration that are used (OpenID Connect Discovery, 3)."""

    token_endpoint: str


class _Answer(Struct, frozen=True):
    """A token response or an error response (RFC 6749, 5)."""

    id_token: str = ""
    refresh_token: str = ""
    error: str = ""

    __repr__ = object.__repr__


def expires_at(token: str) -> float | None:
    """Return when an ID token expires, in seconds since 1970; `None` if the token does not state it."""
    try:
        payload = token.split(".")[1]
        return decode_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), _Claims).exp
    except (IndexError, ValueError):
        return None


async def id_token(context: Context, *, renew: bool = False) -> str:
    """Return the user's ID token. An expired one is renewed and written back to the kubeconfig.

    Args:
        context: its user has an `auth-provider` named `oidc`.
        renew: whether to renew the token even if it has not expired.

    Raises:
        ForbiddenError: it has expired and cannot be renewed.
        UsageError: the kubeconfig's entry is not valid.
    """
    provider = context.user.auth_provider
    config = provider.config if provider else {}
    token = config.get("id-token", "")
    expires = expires_at(token) if token else 0.0
    if token and not renew and (expires is None or expires > time.time() + _MARGIN):
        return token
    if not config.get("refresh-token"):
        raise _failed("it has expired, and the kubeconfig has no refresh token")
    answer = await _refresh(config, context.user_place)
    config["id-token"] = answer.id_token
    if answer.refresh_token:
        config["refresh-token"] = answer.refresh_token
    await asyncio.to_thread(_write_back, context, config)
    return answer.id_token


async def _refresh(config: dict[str, str], place: Place) -> _Answer:
    """Return the provider's answer to a refresh request (OpenID Connect Core, 12)."""
    issuer = config.get("idp-issuer-url", "").rstrip("/")
    shown = _shown(issuer)
    form = {"grant_type": "refresh_token", "refresh_token": config["refresh-token"]}
    form |= {"client_id": config.get("client-id", "")}
    if secret := config.get("client-secret"):
        form |= {"client_secret": secret}
    tls = _tls(config, place)
    try:
        proxy, socks = by_kind(proxy_for(URL(issuer), any_scheme=False, socks=True))
        connector = SocksConnector(socks, ssl=tls)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, proxy=proxy) as session:
            async with session.get(f"{issuer}/.well-known/openid-configuration") as response:
                if response.status != 200:
                    raise _failed(f"the server at {shown} did not send an OpenID configuration: HTTP {response.status}")
                discovery = decode_json(await _body(response), _Discovery)
            async with session.post(discovery.token_endpoint, data=form, allow_redirects=False) as response:
                body = await _body(response)
        if response.status == 200:
            answer = decode_json(body, _Answer)
            if answer.id_token:
                return answer
            raise _failed(f"the provider {shown} did not renew it: {_code(answer.error) or 'it sent no ID token'}")
    except aiohttp.InvalidURL:
        raise _failed("the kubeconfig's idp-issuer-url is not a URL") from None
    except DecodeError as exc:
        raise _failed(f"the server at {shown} is not an OpenID provider: {exc}") from None
    except HTTP_ERRORS as exc:
        raise _failed(_problem(classify(exc), shown)) from None
    except OSError:
        raise _failed(f"the provider {shown} cannot be reached") from None
    except ValueError:  # from yarl or aiohttp, for the URL
        raise _failed(f"the server at {shown} is not an OpenID provider") from None
    code = ""
    with suppress(DecodeError):
        code = _code(decode_json(body, _Answer).error)
    raise _failed(f"the provider {shown} did not renew it: {code or f'HTTP {response.status}'}")


def _problem(failure: Failure, shown: str) -> str:
    """Return why a provider sent no answer."""
    reason = f": {failure.reason}" if failure.reason else ""
    match failure.cause:
        case Cause.CERTIFICATE | Cause.CERTIFICATE_NAME:
            return f"the certificate of the provider {shown} is not trusted{reason}"
        case Cause.TLS:
            return f"TLS with the provider {shown} failed{reason}"
        case Cause.PROXY_CREDENTIALS | Cause.PROXY_ERROR | Cause.PROXY_UNREACHABLE:
            return f"the proxy to the provider {shown} failed{reason}"
        case Cause.UNKNOWN_HOST:
            return f"the host of the provider {shown} is not found"
        case Cause.REFUSED | Cause.UNREACHABLE:
            return f"the provider {shown} cannot be reached{reason}"
        case Cause.CONNECT_TIMEOUT | Cause.READ_TIMEOUT:
            return f"the provider {shown} did not answer within {_TIMEOUT.total:g} s"
        case Cause.CLOSED:
            return f"the provider {shown} closed the connection{reason}"
        case Cause.NOT_HTTP | Cause.HTTP_2 | Cause.ENCODING:
            return f"the server at {shown} is not an OpenID provider{reason}"


def _shown(issuer: str) -> str:
    """Return a provider's URL for a message, without a password."""
    try:
        return str(URL(issuer).origin())[:SHOWN_NAME]
    except ValueError:
        return "(not a URL)"


def _code(error: str) -> str:
    """Return an error code (RFC 6749, 5.2). The description is left out, as it may contain anything."""
    return error if len(error) <= SHOWN_NAME and error.isprintable() else ""


def _tls(config: dict[str, str], place: Place) -> ssl.SSLContext:
    name = "idp-certificate-authority"
    try:
        data = decode_data(Data, config.get(f"{name}-data", ""))
        return server_context(read_pem(data, config.get(name, ""), place, f"auth-provider.config.{name}"))
    except ValueError as exc:
        raise place.invalid(f"auth-provider.config.{name}", str(exc)) from None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = await read_up_to(response, PROVIDER_ANSWER)
    if len(body) >= PROVIDER_ANSWER:
        raise DecodeError(f"its answer is larger than {shown_size(PROVIDER_ANSWER)}")
    return body


def _failed(reason: str) -> KaitoError:
    return ForbiddenError(
        f"The login for the cluster is not valid: {reason}", "Log in again with your cluster's login tool"
    )


def _write_back(context: Context, config: dict[str, str]) -> None:
    """Save the renewed tokens: some providers accept each refresh token only once.

    A kubeconfig that cannot be written stays as it is.
    """
    path = Path(context.user_place.file).resolve()
    # Another program may have changed the file since it was read.
    with suppress(OSError, YamlError, yaml.YAMLError, KeyError, TypeError, AttributeError, RecursionError):
        document = read_yaml(read_bytes(path))
        for entry in document["users"]:
            if entry["name"] == context.user_place.name:
                entry["user"]["auth-provider"]["config"] = config
        mode = path.stat().st_mode
        replace_file(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode())
        os.chmod(path, mode)
