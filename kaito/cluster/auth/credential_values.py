"""Reads and checks what credentials consist of: tokens, and certificates and keys in PEM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kaito.errors import ForbiddenError
from kaito.util.user_files import read_bytes

if TYPE_CHECKING:
    from kaito.cluster.auth.kubeconfig_types import Place


def read_pem(data: bytes, file: str, place: Place, field: str) -> bytes | None:
    """Return a certificate or key from a kubeconfig; `None` without one.

    Args:
        data: the value of `FIELD-data`, which wins.
        file: the value of the field, which is a path.

    Raises:
        UsageError: the file cannot be read.
    """
    if data or not file:
        return data or None
    path = place.folder / file
    try:
        return read_bytes(path)
    except OSError as exc:
        raise place.invalid(field, f"'{path}' cannot be read: {exc.strerror}") from None


def bearer(token: str) -> str:
    """Return the header for a token.

    Raises:
        ValueError: no header can have it; the message does not quote it.
    """
    if not token.isprintable():
        raise ValueError("it contains a control character")
    return f"Bearer {token}"


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        ForbiddenError: the file cannot be read, or has none.
    """
    try:
        token = read_bytes(path).decode("ascii").strip()
    except OSError as exc:
        raise ForbiddenError(f"The token for the cluster cannot be read: {path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ForbiddenError(f"The file {path} does not contain a token") from None
    if not token:
        raise ForbiddenError(f"The token file {path} is empty")
    return token
