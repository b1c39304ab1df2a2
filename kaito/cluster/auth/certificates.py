"""TLS with the API server: its authorities, the client's certificate, and when that certificate expires."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kaito.errors import UsageError

_CERTIFICATE = rb"(?s)-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----"
# In DER: Validity ::= SEQUENCE { notBefore Time, notAfter Time }, where a Time is a UTCTime of 13 bytes or a
# GeneralizedTime of 15, always in UTC and with seconds (RFC 5280, 4.1.2.5).
_VALIDITY = (
    rb"\x30[\x1e\x20\x22](?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(?P<utc>\d{12}Z)|\x18\x0f(?P<general>\d{14}Z))"
)


def server_context(authorities: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
    """Return a client's context.

    Args:
        authorities: trusted certificates as PEM, instead of the system's.
        verify: whether the server's certificate is verified.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=authorities.decode())
        except (ssl.SSLError, ValueError):
            raise UsageError("The certificate-authority of the cluster is not a PEM certificate") from None
    # The authorities of many clusters lack extensions that RFC 5280 requires. Go's clients accept them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def read_pem(name: str, data: str | None, file: str | None, folder: Path) -> bytes | None:
    """Return a certificate or key from a kubeconfig.

    Args:
        data: the value of `NAME-data`, which is base64 and wins.
        file: the value of `NAME`, which is a path.
    """
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except ValueError:
            raise UsageError(f"The kubeconfig's {name}-data is not base64") from None
    if file:
        path = folder / os.path.expanduser(file)
        try:
            return path.read_bytes()
        except OSError as exc:
            raise UsageError(f"The {name} file cannot be read: {path}: {exc.strerror}") from None
    return None


def add_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Present this certificate (PEM, with any intermediates) to the server."""
    # OpenSSL loads a chain only from a file.
    with _temporary_file(certificate.rstrip() + b"\n" + key) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise UsageError("The client certificate and key for the cluster are not a valid pair") from None


def _no_password() -> str:
    # Without this, OpenSSL prompts for it at the terminal.
    raise ValueError("the key is encrypted")


@contextmanager
def _temporary_file(content: bytes) -> Iterator[str]:
    """Yield the path of a file with secret content: in memory where the system has that, otherwise with mode 0600."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("kaito", os.MFD_CLOEXEC)
        try:
            os.write(fd, content)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    import tempfile

    fd, path = tempfile.mkstemp()
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        yield path
    finally:
        os.unlink(path)


def expiry(pem: bytes) -> datetime | None:
    """Return when the first certificate of a PEM text expires; `None` when that cannot be read.

    The standard library decodes only certificates of a peer.
    """
    certificate = re.search(_CERTIFICATE, pem)
    try:
        validity = re.search(_VALIDITY, base64.b64decode(certificate[1])) if certificate else None
        if validity is None:
            return None
        text = validity["utc"] or validity["general"]
        pattern = "%y%m%d%H%M%SZ" if validity["utc"] else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode(), pattern).replace(tzinfo=UTC)
    except ValueError:
        return None
