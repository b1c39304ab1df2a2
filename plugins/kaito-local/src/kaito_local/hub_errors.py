"""Turns the exceptions of huggingface_hub into errors that say what to do, without the user's token."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import huggingface_hub
from huggingface_hub import constants, errors

from kaito.errors import ExitCode, ForbiddenError, KaitoError, NotFoundError
from kaito.toolkit import one_line
from kaito_local.hub_progress import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The number of characters that are shown of a message of the hub.
_SHOWN = 300
#: Responses that mean that the hub is out of order, not that it refuses.
_UNAVAILABLE = frozenset({408, 429, 500, 502, 503, 504})
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_QUERY = re.compile(r"(?<=\w)\?\S+")


class HubUnreachable(KaitoError):
    """The hub cannot be reached, is out of order, or must not be asked (`HF_HUB_OFFLINE`)."""

    exit_code = ExitCode.UNREACHABLE


def hub_name() -> str:
    """Return the hub's host, and its port if it is unusual: its URL could hold a password."""
    return urlsplit(constants.ENDPOINT).netloc.rpartition("@")[2] or "the hub"


@contextlib.contextmanager
def explained(repository: str, name: str, *, resumable: bool = False) -> Iterator[None]:
    """Raise a `KaitoError` for each failure in the block.

    Args:
        repository: `OWNER/NAME`.
        name: what is downloaded, for messages.
        resumable: whether what has arrived is kept when the connection breaks.
    """
    try:
        yield
    except (KaitoError, Cancelled):
        raise
    except Exception as error:
        raise _explain(error, f"hf.co/{repository}", name, resumable) from error


def _explain(error: Exception, where: str, name: str, resumable: bool) -> KaitoError:
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, errors.GatedRepoError):
        return ForbiddenError(
            f"{where} is for those who accept its conditions",
            f"Accept them at {_CREDENTIALS.sub('', constants.ENDPOINT)}/{where.removeprefix('hf.co/')}",
            "Then set HF_TOKEN to a token of your account",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return NotFoundError(
            f"{hub_name()} has no model {where}, or it is private",
            "Check the name; for a private one, set HF_TOKEN to a valid token that may read it",
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _refused(error, name)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubUnreachable(
            f"The cache does not have {name}, and HF_HUB_OFFLINE forbids to ask {hub_name()}",
            "Unset HF_HUB_OFFLINE to download it",
        )
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | ConnectionError | TimeoutError):
        return _broken(error, name, resumable)
    if isinstance(error, OSError) and error.strerror:
        return KaitoError(
            f"Cannot save {name} in {constants.HF_HUB_CACHE}: {error.strerror}",
            "Set HF_HOME to a writable folder with enough free space",
        )
    # The size is not what was announced, or the response is not what a hub answers.
    return _broken(error, name, resumable)


def _refused(error: errors.HfHubHTTPError, name: str) -> KaitoError:
    status = error.response.status_code
    reason = safe(error.server_message or "") or "It gives no reason"
    if status in _UNAVAILABLE:
        return HubUnreachable(f"{hub_name()} is not available for {name}: HTTP status {status}", reason)
    message = f"{hub_name()} refuses {name}: HTTP status {status}"
    if status in (401, 403):
        return ForbiddenError(message, reason, "Set HF_TOKEN to a valid token that may read it")
    return KaitoError(message, reason)


def _broken(error: Exception, name: str, resumable: bool) -> KaitoError:
    reason = safe(str(error)) or type(error).__name__
    if resumable:
        advice = "What has arrived is kept: start again to download the rest"
    else:
        advice = "HF_ENDPOINT names another hub, HTTPS_PROXY a proxy; a file needs neither: --model /path/to/model.gguf"
    return HubUnreachable(f"Cannot download {name} from {hub_name()}", reason, advice)


def safe(text: str) -> str:
    """Return a message of the hub or about it on one line, without the token and the secrets of URLs."""
    for secret in {huggingface_hub.get_token() or "", constants.ENDPOINT.rpartition("@")[0].rpartition("//")[2]}:
        if secret:
            text = text.replace(secret, "***")
    text = one_line(_QUERY.sub("", _CREDENTIALS.sub("***@", text))).strip()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
