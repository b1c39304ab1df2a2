"""A kubeconfig's OpenID Connect login: its ID token, and a new one when that has expired.

As kubectl does it: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-kubectl. The loader of
the Kubernetes client would not check the provider's certificate and forget a refresh token that was replaced.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from yarl import URL

from kaito.cluster.auth.certificates import server_context
from kaito.cluster.auth.kubeconfig import Context
from kaito.errors import ForbiddenError, KaitoError
from kaito.net.proxies import proxy_for

#: Seconds that a token must still be good for.
_MARGIN = 10
_TIMEOUT = aiohttp.ClientTimeout(total=30)


def expires_at(token: str) -> float | None:
    """Return when an ID token expires, in seconds since 1970; `None` when it does not tell."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None


async def id_token(context: Context, *, renew: bool = False) -> str:
    """Return the user's ID token, renewed and written back to the kubeconfig if it has expired.

    Args:
        context: its user has an `auth-provider` named `oidc`.
        renew: whether the token was refused, and has to be renewed whatever it says.

    Raises:
        ForbiddenError: it has expired and cannot be renewed.
    """
    config: dict[str, Any] = context.user["auth-provider"].setdefault("config", {})
    token = config.get("id-token")
    expires = expires_at(token) if token else 0.0
    if token and not renew and (expires is None or expires > time.time() + _MARGIN):
        return str(token)
    if not config.get("refresh-token"):
        raise _failed("it has expired, and the kubeconfig has no refresh token")
    renewed = await _renewed(config, context.user_folder)
    config["id-token"] = renewed["id_token"]
    if renewed.get("refresh_token"):
        config["refresh-token"] = renewed["refresh_token"]
    await asyncio.to_thread(_write_back, context, config)
    return str(config["id-token"])


async def _renewed(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    issuer = str(config.get("idp-issuer-url") or "").rstrip("/")
    tls = server_context(
        {
            "certificate-authority": config.get("idp-certificate-authority"),
            "certificate-authority-data": config.get("idp-certificate-authority-data"),
        },
        folder,
    )
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
                place = (await response.json(content_type=None))["token_endpoint"]
            async with session.post(place, data=form, allow_redirects=False) as response:
                answer = await response.json(content_type=None)
                if response.status != 200 or not isinstance(answer.get("id_token"), str):
                    # The error's code by RFC 6749, 5.2; its description may hold anything.
                    raise _failed(f"the provider refuses to renew it: {answer.get('error') or response.status}")
                return dict(answer)
    except aiohttp.InvalidURL:
        raise _failed("the kubeconfig's idp-issuer-url is no URL") from None
    except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as exc:
        raise _failed(f"the provider {issuer} cannot be reached ({type(exc).__name__})") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _failed(f"what answers at {issuer} is no OpenID provider") from None


def _failed(why: str) -> KaitoError:
    return ForbiddenError(
        f"The login for the cluster is of no use: {why}", "Log in again with your cluster's login tool"
    )


def _write_back(context: Context, config: dict[str, Any]) -> None:
    """Keep what is new: a provider may take each refresh token only once.

    A kubeconfig that cannot be written stays as it is.
    """
    path = context.user_file.resolve()
    with suppress(OSError, yaml.YAMLError, KeyError, TypeError):  # it may have been changed meanwhile
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))
        for entry in whole["users"]:
            if entry["name"] == context.user_name:
                entry["user"]["auth-provider"]["config"] = config
        mode = path.stat().st_mode
        fd, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                yaml.safe_dump(whole, file, sort_keys=False)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
