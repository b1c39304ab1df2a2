"""TLS with the API server: its authorities, the client's certificate, and that certificate's dates."""

from __future__ import annotations

import base64
import binascii
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kaito.errors import UsageError

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def server_context(cluster: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    """Return a context that trusts whom a kubeconfig's cluster entry trusts.

    Raises:
        UsageError: the authorities cannot be read.
    """
    authorities = material(cluster, "certificate-authority", folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is None:
        context.load_default_certs()
    else:
        # Its own authorities alone, as in Go's clients.
        try:
            context.load_verify_locations(cadata=authorities.decode())
        except (ssl.SSLError, ValueError):
            raise UsageError("The kubeconfig's certificate-authority is no PEM certificate") from None
    # The authorities of many clusters lack what RFC 5280 wants of one, and Go's clients do not mind.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def material(entry: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    """Return a certificate or key of a kubeconfig's entry, which is given as data or as a file.

    Raises:
        UsageError: it cannot be read.
    """
    if data := entry.get(f"{name}-data"):
        try:
            return base64.b64decode("".join(str(data).split()), validate=True)
        except (ValueError, TypeError):
            raise UsageError(f"The kubeconfig's {name}-data is not base64") from None
    if file := entry.get(name):
        path = folder / os.path.expanduser(str(file))
        try:
            return path.read_bytes()
        except OSError as exc:
            raise UsageError(f"The kubeconfig's {name} cannot be read: {path}: {exc.strerror}") from None
    return None


def add_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Show this certificate to the server.

    Raises:
        UsageError: certificate and key are not valid, or not of one another.
    """
    # OpenSSL takes a chain from a file alone.
    with _as_file(certificate.rstrip() + b"\n" + key) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise UsageError("The client certificate and key for the cluster are not a valid pair") from None


def _no_password() -> str:
    # Else OpenSSL would ask for one at the terminal.
    raise ValueError("the key is encrypted")


@contextmanager
def _as_file(secret: bytes) -> Iterator[str]:
    """Yield the path of a file that holds a secret: in memory where the system has that, else for its owner alone."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("kaito", os.MFD_CLOEXEC)
        try:
            os.write(fd, secret)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    fd, path = tempfile.mkstemp()  # 0600
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secret)
        yield path
    finally:
        os.unlink(path)


def expiry(pem: bytes) -> datetime | None:
    """Return when the first certificate of a PEM text ends; `None` when it cannot be told."""
    found = _CERTIFICATE.search(pem)
    if found is None:
        return None
    try:
        der = base64.b64decode(found[1])
        # Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer, validity …
        # (RFC 5280, 4.1)
        _, fields = _element(der)
        _, fields = _element(fields)
        if fields[:1] == b"\xa0":
            fields = _after(fields)
        for _ in range(3):
            fields = _after(fields)
        _, validity = _element(fields)
        tag, ends = _element(_after(validity))
        return datetime.strptime(ends.decode("ascii"), "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ").replace(
            tzinfo=UTC
        )
    except (IndexError, ValueError, binascii.Error):
        return None


def _element(der: bytes) -> tuple[int, bytes]:
    """Return the first element's tag and content."""
    start, length = _head(der)
    return der[0], der[start : start + length]


def _after(der: bytes) -> bytes:
    start, length = _head(der)
    return der[start + length :]


def _head(der: bytes) -> tuple[int, int]:
    """Return where the first element's content begins, and its length."""
    length = der[1]
    if length < 0x80:
        return 2, length
    size = length & 0x7F
    return 2 + size, int.from_bytes(der[2 : 2 + size])
