"""Reads the ID token of a kubeconfig's OpenID Connect login, and renews it when it has expired.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-kubectl
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from yarl import URL

from kaito.cluster.auth.certificates import read_pem, server_context
from kaito.cluster.auth.kubeconfig import Context, load_yaml
from kaito.errors import ForbiddenError, KaitoError
from kaito.net.proxies import proxy_for
from kaito.util.safe_files import replace_file

#: Seconds before its expiry at which a token is renewed.
_MARGIN = 10
_TIMEOUT = aiohttp.ClientTimeout(total=30)


def expires_at(token: str) -> float | None:
    """Return when an ID token expires, in seconds since 1970; `None` when it does not say."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


async def id_token(context: Context, *, renew: bool = False) -> str:
    """Return the user's ID token. An expired one is renewed and written back to the kubeconfig.

    Args:
        context: its user has an `auth-provider` named `oidc`.
        renew: whether to renew the token even if it has not expired.

    Raises:
        ForbiddenError: it has expired and cannot be renewed.
    """
    provider = context.user.auth_provider
    config = provider.config if provider and provider.config else {}
    token = config.get("id-token")
    expires = expires_at(token) if token else 0.0
    if token and not renew and (expires is None or expires > time.time() + _MARGIN):
        return str(token)
    if not config.get("refresh-token"):
        raise _failed("it has expired, and the kubeconfig has no refresh token")
    answer = await _refresh(config, context.user_folder)
    config["id-token"] = answer["id_token"]
    if answer.get("refresh_token"):
        config["refresh-token"] = answer["refresh_token"]
    await asyncio.to_thread(_write_back, context, config)
    return str(config["id-token"])


async def _refresh(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the provider's answer to a refresh request (OpenID Connect Core, 12)."""
    issuer = str(config.get("idp-issuer-url") or "").rstrip("/")
    name = "idp-certificate-authority"
    tls = server_context(read_pem(name, config.get(f"{name}-data"), config.get(name), folder))
    form = {"grant_type": "refresh_token", "refresh_token": config["refresh-token"]}
    form |= {"client_id": config.get("client-id") or ""}
    if secret := config.get("client-secret"):
        form |= {"client_secret": secret}
    try:
        proxy = proxy_for(URL(issuer), any_scheme=False)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls), timeout=_TIMEOUT, proxy=proxy
        ) as session:
            async with session.get(f"{issuer}/.well-known/openid-configuration", raise_for_status=True) as response:
                token_endpoint = (await response.json(content_type=None))["token_endpoint"]
            async with session.post(token_endpoint, data=form, allow_redirects=False) as response:
                answer = await response.json(content_type=None)
                if response.status != 200 or not isinstance(answer.get("id_token"), str):
                    # Only the error code (RFC 6749, 5.2) is shown: the description may hold anything.
                    code = answer.get("error") or f"HTTP {response.status}"
                    raise _failed(f"the provider {issuer} did not renew it: {code}")
                return dict(answer)
    except aiohttp.InvalidURL:
        raise _failed("the kubeconfig's idp-issuer-url is not a URL") from None
    except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as exc:
        raise _failed(f"the provider {issuer} cannot be reached ({type(exc).__name__})") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _failed(f"the server at {issuer} is not an OpenID provider") from None


def _failed(reason: str) -> KaitoError:
    return ForbiddenError(
        f"The login for the cluster is not valid: {reason}", "Log in again with your cluster's login tool"
    )


def _write_back(context: Context, config: dict[str, Any]) -> None:
    """Save the renewed tokens: some providers accept each refresh token only once.

    A kubeconfig that cannot be written stays as it is.
    """
    path = context.user_file.resolve()
    # Another program may have changed the file's structure since it was read.
    with suppress(OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        document = load_yaml(path)
        for entry in document["users"]:
            if entry["name"] == context.user_name:
                entry["user"]["auth-provider"]["config"] = config
        mode = path.stat().st_mode
        replace_file(path, yaml.safe_dump(document, sort_keys=False).encode())
        os.chmod(path, mode)
