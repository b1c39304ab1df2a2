"""What credential plugins and OpenID providers print, changed at random: only documented errors come out."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.auth import oidc
from kaito.cluster.auth.exec_plugin import ExecCredential, _parse
from kaito.errors import ForbiddenError
from kaito.util.decoding import DecodeError, decode_json
from tests.mutations import mutated_json

VERSION = "client.authentication.k8s.io/v1"
CREDENTIAL = {
    "kind": "ExecCredential",
    "apiVersion": VERSION,
    "status": {
        "token": "hunter2",
        "expirationTimestamp": "2030-01-01T00:00:00Z",
        "clientCertificateData": "-----BEGIN CERTIFICATE-----",
        "clientKeyData": "-----BEGIN PRIVATE KEY-----",
    },
}


@given(mutated_json(CREDENTIAL))
def test_a_mutated_credential_is_used_or_refused(output: bytes):
    credential = ExecCredential()
    refusal = "login"
    try:
        credential = _parse(output, "login", VERSION)
    except ForbiddenError as exc:
        refusal = "\n".join(exc.lines())
    assert "login" in refusal
    assert "hunter2" not in refusal
    assert isinstance(credential.expired, bool)
    assert credential.expires is None or isinstance(credential.expires, datetime)


@given(mutated_json({"exp": 1_900_000_000, "iss": "x"}))
def test_a_mutated_token_has_an_expiry_or_none(payload: bytes):
    token = f"h.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.s"
    expires = oidc.expires_at(token)
    assert expires is None or isinstance(expires, float)


@given(st.text())
def test_any_text_is_a_token_without_an_expiry_at_worst(token: str):
    assert oidc.expires_at(token) is None or "." in token


@given(
    mutated_json(
        {"token_endpoint": "https://issuer/token"},
        {"id_token": "a.b.c", "refresh_token": "r", "error": "invalid_grant"},
    )
)
def test_a_mutated_answer_of_a_provider_is_decoded_or_refused(body: bytes):
    for kind in (oidc._Discovery, oidc._Answer):
        with suppress(DecodeError):
            decode_json(body, kind)
