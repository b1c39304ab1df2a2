"""Issues certificates for servers and users."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate or public key with its private key, as PEM."""

    public: bytes
    private: bytes


@dataclass(frozen=True, slots=True)
class Period:
    """The validity of a certificate."""

    start: datetime.datetime
    end: datetime.datetime

    @classmethod
    def around_now(cls) -> Period:
        """Return a period that lasts longer than any test."""
        now = datetime.datetime.now(datetime.UTC)
        return cls(now - _DAY, now + 365 * _DAY)

    @classmethod
    def ending_in(cls, left: datetime.timedelta) -> Period:
        """Return a period that ends after this time, or ended before now if it is negative."""
        end = datetime.datetime.now(datetime.UTC) + left
        return cls(end - _DAY, end)


def key_pair() -> Pair:
    """Return a new key pair for signing tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(public, _pem(key))


class Authority:
    """A new certificate authority.

    Args:
        name: its common name.
    """

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(name)
        usage = _usage(digital_signature=True, key_cert_sign=True, crl_sign=True)
        builder = (
            _builder(self._name, self._name, self._key.public_key(), Period.around_now())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def certificate(self) -> bytes:
        """Its own certificate, as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, name: str, hosts: Iterable[str]) -> Pair:
        """Return a server's certificate for these host names and addresses."""
        alternatives = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(_subject(name), ExtendedKeyUsageOID.SERVER_AUTH, Period.around_now(), [alternatives])

    def client(self, user: str, groups: Sequence[str] = (), period: Period | None = None) -> Pair:
        """Return a user's certificate, as the API server reads it.

        Args:
            user: the user's name.
            groups: the user's groups.
            period: the validity, if not now.
        """
        return self._issue(_subject(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, period or Period.around_now())

    def _issue(
        self,
        subject: x509.Name,
        purpose: x509.ObjectIdentifier,
        period: Period,
        extensions: Iterable[x509.ExtensionType] = (),
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self._name, key.public_key(), period)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(authority, critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, period: Period
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.start)
        .not_valid_after(period.end)
    )


def _subject(name: str, groups: Sequence[str] = ()) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, digital_signature: bool, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # kube-apiserver accepts this older format for the key that signs tokens as well.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
