"""TLS with the API server: its authorities, the client's certificate, and when that certificate expires."""

from __future__ import annotations

import base64
import io
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

# In DER: Validity ::= SEQUENCE { notBefore Time, notAfter Time }, where a Time is a UTCTime of 13 bytes or a
# GeneralizedTime of 15, always in UTC and with seconds (RFC 5280, 4.1.2.5).
_VALIDITY = (
    rb"\x30[\x1e\x20\x22](?:\x17\x0d\d{12}Z|\x18\x0f\d{14}Z)(?:\x17\x0d(?P<utc>\d{12}Z)|\x18\x0f(?P<general>\d{14}Z))"
)


class CertificateError(ValueError):
    """A certificate or key cannot be used. The message continues a sentence, such as `it is not a PEM certificate`."""


def server_context(authorities: bytes | None, *, verify: bool = True) -> ssl.SSLContext:
    """Return a client's context.

    Args:
        authorities: trusted certificates as PEM, instead of the system's.
        verify: whether the server's certificate is verified.

    Raises:
        CertificateError: none of the authorities is a certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is None:
        context.load_default_certs()
    else:
        _trust(context, authorities)
    # The authorities of many clusters lack extensions that RFC 5280 requires. Go's clients accept them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _trust(context: ssl.SSLContext, authorities: bytes) -> None:
    certificates = [*_pem_blocks(authorities, b"CERTIFICATE")]
    try:
        context.load_verify_locations(cadata=b"".join(certificates))
        return
    except (ssl.SSLError, ValueError):
        pass
    # As in Go, certificates that are not valid are skipped.
    is_any_valid = False
    for certificate in certificates:
        with suppress(ssl.SSLError, ValueError):
            context.load_verify_locations(cadata=certificate)
            is_any_valid = True
    if not is_any_valid:
        raise CertificateError("it is not a PEM certificate")


def _pem_blocks(pem: bytes, label: bytes) -> Iterator[bytes]:
    """Yield the content of each block of a kind in a PEM text (RFC 7468), as Go does: whole lines, no headers."""
    start, end = b"-----BEGIN " + label + b"-----", b"-----END " + label + b"-----"
    body: list[bytes] | None = None
    for line in map(bytes.rstrip, io.BytesIO(pem)):
        if line.startswith(b"-----BEGIN "):
            body = [] if line == start else None
        elif body is not None and line == end:
            with suppress(ValueError):
                yield base64.b64decode(b"".join(body), validate=True)
            body = None
        elif body is not None:
            body.append(line)


def add_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Present this certificate (PEM, with any intermediates) to the server.

    Raises:
        CertificateError: it is not a certificate, or the key is not its key.
    """
    blocks = _pem_blocks(certificate, b"CERTIFICATE")
    chain = b"".join(ssl.DER_cert_to_PEM_cert(block).encode() for block in blocks)
    if not chain:
        raise CertificateError("it is not a PEM certificate")
    # OpenSSL loads a chain only from a file.
    with _temporary_file(chain + key) as path:
        try:
            context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise CertificateError("certificate and key are not a valid pair") from None


def check_client_certificate(certificate: bytes, key: bytes) -> None:
    """Check that a certificate can be presented.

    Raises:
        CertificateError: as :func:`add_client_certificate`.
    """
    add_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)


def _no_password() -> str:
    # Otherwise OpenSSL would prompt for the password at the terminal.
    raise ValueError("the key is encrypted")


@contextmanager
def _temporary_file(content: bytes) -> Iterator[str]:
    """Yield the path of a file with secret content: in memory where the system has that, otherwise in a folder
    of its own, which does not outlive a kill for long."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("kaito", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    from kaito.util.temporary_folders import temporary_folder

    with temporary_folder("kaito-key-") as folder:
        path = folder / "pair.pem"
        with open(path, "xb", opener=_private) as file:
            file.write(content)
        yield str(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def expiry(pem: bytes) -> datetime | None:
    """Return when the first certificate of a PEM text expires; `None` if that cannot be read.

    The standard library decodes only certificates of a peer.
    """
    try:
        certificate = next(_pem_blocks(pem, b"CERTIFICATE"), b"")
        if (validity := re.search(_VALIDITY, certificate)) is None:
            return None
        text = validity["utc"] or validity["general"]
        pattern = "%y%m%d%H%M%SZ" if validity["utc"] else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode(), pattern).replace(tzinfo=UTC)
    except ValueError:
        return None
