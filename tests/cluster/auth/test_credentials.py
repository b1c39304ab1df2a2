"""Tokens, passwords, exec plugins, OpenID Connect and client certificates, and their renewal."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import stat
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from kaito.cluster.auth import certificates
from kaito.cluster.auth.certificates import CertificateError, add_client_certificate, expiry, server_context
from kaito.cluster.auth.credentials import Credentials, ServiceAccountSource, UserCredentialSource
from kaito.cluster.auth.kubeconfig import load_context
from kaito.errors import ForbiddenError, KaitoError, UsageError
from tests.controlplane.certificates import Authority, Period

VERSION = "client.authentication.k8s.io/v1"


def credentials(path: Path, reporter: Any, **environ: str) -> UserCredentialSource:
    context = load_context(str(path), None, {})
    assert context is not None
    return UserCredentialSource(context, {"PATH": "/usr/bin:/bin", **environ}, reporter)


def load(path: Path, reporter: Any) -> Credentials:
    return asyncio.run(credentials(path, reporter).get())


def test_token(kubeconfig, reporter):
    assert load(kubeconfig(user={"token": "abc"}), reporter).authorization == "Bearer abc"


def test_password(kubeconfig, reporter):
    loaded = load(kubeconfig(user={"username": "jo", "password": "pw"}), reporter)
    assert loaded.authorization == "Basic " + base64.b64encode(b"jo:pw").decode()


def test_username_without_a_password(kubeconfig, reporter):
    loaded = load(kubeconfig(user={"username": "jo"}), reporter)
    assert loaded.authorization == "Basic " + base64.b64encode(b"jo:").decode()


def test_user_without_credentials(kubeconfig, reporter):
    assert load(kubeconfig(), reporter) == Credentials()


def test_token_file_is_read_again(kubeconfig, reporter, tmp_path):
    (tmp_path / "token").write_text("one\n")
    user = credentials(kubeconfig(user={"tokenFile": "token", "token": "old"}), reporter)

    async def run() -> None:
        assert (await user.get()).authorization == "Bearer one"
        (tmp_path / "token").write_text("two\n")
        assert (await user.get()).authorization == "Bearer two"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "cannot be read"), ("", "is empty"), ("é", "does not contain a token")]
)
def test_invalid_token_file(kubeconfig, reporter, tmp_path, content, expected):
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(ForbiddenError, match=expected):
        load(kubeconfig(user={"tokenFile": "token"}), reporter)


def test_token_replaces_a_token_file_that_cannot_be_read(kubeconfig, reporter):
    loaded = load(kubeconfig(user={"tokenFile": "missing", "token": "abc"}), reporter)
    assert loaded.authorization == "Bearer abc"


def test_service_account_token(tmp_path):
    (tmp_path / "token").write_text("one")
    account = ServiceAccountSource(tmp_path / "token")
    assert asyncio.run(account.get()).authorization == "Bearer one"


# Exec plugins


def plugin(tmp_path: Path, body: str) -> Path:
    """Write a credential plugin."""
    path = tmp_path / "plugin"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\ninfo = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n{body}\n"
    )
    path.chmod(0o755)
    return path


def prints(status: dict[str, Any]) -> str:
    return f"print(json.dumps({{'kind': 'ExecCredential', 'apiVersion': info['apiVersion'], 'status': {status!r}}}))"


def user_of(**more: Any) -> dict[str, Any]:
    return {"exec": {"command": "./plugin", "apiVersion": VERSION, "interactiveMode": "Never", **more}}


def test_plugin(kubeconfig, reporter, tmp_path):
    body = "assert sys.argv[1:] == ['get-token'] and os.environ['WHO'] == 'jo' and 'KAITO_API_KEY' not in os.environ\n"
    body += "assert info['spec'] == {'interactive': False, 'cluster': {'server': 'https://127.0.0.1:1'}}\n"
    plugin(tmp_path, body + prints({"token": "given"}))
    path = kubeconfig(user=user_of(args=["get-token"], env=[{"name": "WHO", "value": "jo"}], provideClusterInfo=True))
    assert load(path, reporter).authorization == "Bearer given"
    assert reporter.statuses == [""]


def test_plugin_runs_again_when_its_token_is_expired_or_rejected(kubeconfig, reporter, tmp_path):
    count = tmp_path / "count"
    body = f"open({str(count)!r}, 'a').write('x')\nn = os.path.getsize({str(count)!r})\n"
    soon = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    body += f"status = {{'token': 't%d' % n, 'expirationTimestamp': {soon!r} if n == 1 else {late!r}}}\n"
    body += "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': info['apiVersion'], 'status': status}))"
    plugin(tmp_path, body)
    user = credentials(kubeconfig(user=user_of()), reporter)

    async def run() -> None:
        assert (await user.get()).authorization == "Bearer t1"
        second = await user.get()
        assert second.authorization == "Bearer t2"
        assert await user.get() == second
        # Two requests that are rejected at once renew the token once.
        renewed = await asyncio.gather(user.get(second), user.get(second))
        assert [credentials.authorization for credentials in renewed] == ["Bearer t3", "Bearer t3"]

    asyncio.run(run())


def test_plugin_that_prints_a_certificate(kubeconfig, reporter, tmp_path):
    pair = Authority("ca").client("jo")
    printed = {"clientCertificateData": pair.public.decode(), "clientKeyData": pair.private.decode()}
    plugin(tmp_path, prints(printed))
    loaded = load(kubeconfig(user=user_of()), reporter)
    assert (loaded.authorization, loaded.certificate, loaded.key) == (None, pair.public, pair.private)


def test_static_token_wins_over_a_plugin(kubeconfig, reporter):
    assert load(kubeconfig(user={"token": "abc", **user_of()}), reporter).authorization == "Bearer abc"


def test_static_certificate_wins_over_a_plugin(kubeconfig, reporter, tmp_path):
    pair = Authority("ca").client("jo")
    both = pair.private + pair.public
    (tmp_path / "pem").write_bytes(both)
    loaded = load(kubeconfig(user={"client-certificate": "pem", "client-key": "pem", **user_of()}), reporter)
    assert loaded == Credentials(certificate=both, key=both)


def test_plugin_stderr_reaches_the_terminal(kubeconfig, reporter, tmp_path, capfd):
    plugin(tmp_path, "print('To sign in, use the code X', file=sys.stderr)\n" + prints({"token": "t"}))
    load(kubeconfig(user=user_of()), reporter)
    assert capfd.readouterr().err == "To sign in, use the code X\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("sys.exit(3)", "failed with exit code 3"),
        ("os.kill(os.getpid(), 15)", "was ended by signal 15"),
        ("print('sesame')", "the output: it is not JSON"),
        ("print('[]')", "the output: expected object, got array"),
        ("print('{}')", "the output is not an ExecCredential"),
        ("print('{\"a\":' * 100_000)", "the output: it is nested too deeply"),
        ("print('sesame' * 1_000_000)", "the output is longer than 1 MiB"),
        (
            "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': 'v9', 'status': {}}))",
            f"its apiVersion is not {VERSION}",
        ),
        (prints({"token": 5}), "status.token: expected str, got int"),
        (prints({"token": "sesame\n"}), "status.token: it contains a control character"),
        (prints({"clientCertificateData": 5}), "status.clientCertificateData: expected str, got int"),
        (prints({"clientCertificateData": "sesame", "clientKeyData": "sesame"}), "is not a PEM certificate"),
        (prints({}), "neither a token nor a certificate"),
        (prints({"clientCertificateData": "c"}), "only one of clientCertificateData and clientKeyData"),
        (prints({"token": "sesame", "expirationTimestamp": "soon"}), "status.expirationTimestamp: invalid RFC3339"),
    ],
)
def test_plugin_failure_does_not_quote_the_output(kubeconfig, reporter, tmp_path, body, expected):
    plugin(tmp_path, body)
    with pytest.raises(ForbiddenError) as caught:
        load(kubeconfig(user=user_of()), reporter)
    assert expected in caught.value.message
    assert "sesame" not in "".join(caught.value.lines())


def test_cancelled_plugin_is_killed_with_its_children(kubeconfig, reporter, tmp_path):
    (tmp_path / "plugin").write_text("#!/bin/sh\ntrap '' TERM\nsleep 600\n")
    (tmp_path / "plugin").chmod(0o755)
    user = credentials(kubeconfig(user=user_of()), reporter)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await user.get()

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 60


def test_null_entries_are_ignored(kubeconfig, reporter):
    assert load(kubeconfig(user={"exec": None, "auth-provider": None}), reporter) == Credentials()


def test_token_with_a_line_break_is_rejected_and_not_quoted(kubeconfig, reporter):
    with pytest.raises(UsageError) as caught:
        load(kubeconfig(user={"token": "sesame\nX: y"}), reporter)
    assert "sesame" not in "".join(caught.value.lines())


def test_plugin_that_is_not_installed(kubeconfig, reporter):
    path = kubeconfig(user=user_of(command="no-such-plugin", installHint="Get it\nthere"))
    with pytest.raises(ForbiddenError) as caught:
        load(path, reporter)
    assert "'no-such-plugin' cannot be run" in caught.value.message
    assert caught.value.hints == ("Get it", "there")


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"command": ""}, "command"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "apiVersion"),
        ({"interactiveMode": ""}, "interactiveMode"),
        ({"env": [{"name": "A", "value": "b\0"}]}, "env"),
    ],
)
def test_invalid_plugin_entry(kubeconfig, reporter, entry, field):
    with pytest.raises(UsageError, match=f"user 'config-user': exec.{field}"):
        load(kubeconfig(user=user_of(**entry)), reporter)


def test_plugin_that_has_to_prompt_without_a_terminal(kubeconfig, reporter, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ForbiddenError, match="stdin is not a terminal"):
        load(kubeconfig(user=user_of(interactiveMode="Always")), reporter)


# OpenID Connect


def jwt(expires: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires, "name": "¿?~ÿÿ>"}).encode()).decode().rstrip("=")
    return f"e30.{claims}.sig"


class Provider:
    """An OpenID provider on loopback."""

    def __init__(self) -> None:
        self.forms: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"id_token": "new", "refresh_token": "refresh-2"}
        self.status = 200

    async def __aenter__(self) -> Provider:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response({"token_endpoint": f"{self.url}/token"})

    async def _token(self, request: web.Request) -> web.Response:
        self.forms.append(dict(await request.post()))
        return web.json_response(self.answer, status=self.status)


def oidc(**config: str) -> dict[str, Any]:
    needed = {"idp-issuer-url": "http://127.0.0.1:1", "client-id": "me"}
    return {"auth-provider": {"name": "oidc", "config": {**needed, **config}}}


def test_valid_id_token_is_used(kubeconfig, reporter):
    token = jwt(time.time() + 3600)
    assert load(kubeconfig(user=oidc(**{"id-token": token})), reporter).authorization == f"Bearer {token}"


def test_expired_id_token_is_renewed_and_saved(kubeconfig, reporter):
    async def run() -> None:
        async with Provider() as provider:
            config = {"idp-issuer-url": provider.url, "client-id": "me", "client-secret": "s", "refresh-token": "r1"}
            path = kubeconfig(user=oidc(**config, **{"id-token": jwt(time.time() - 1)}))
            path.chmod(0o600)
            assert (await credentials(path, reporter).get()).authorization == "Bearer new"
            expected = {"grant_type": "refresh_token", "refresh_token": "r1", "client_id": "me", "client_secret": "s"}
            assert provider.forms == [expected]
            kept = yaml.safe_load(path.read_text())["users"][0]["user"]["auth-provider"]["config"]
            assert (kept["id-token"], kept["refresh-token"]) == ("new", "refresh-2")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert [file.name for file in path.parent.iterdir()] == ["config"]

    asyncio.run(run())


def test_provider_rejects_the_refresh_token(kubeconfig, reporter):
    async def run() -> None:
        async with Provider() as provider:
            provider.status, provider.answer = 400, {"error": "invalid_grant"}
            path = kubeconfig(user=oidc(**{"idp-issuer-url": provider.url, "refresh-token": "sesame"}))
            with pytest.raises(ForbiddenError) as caught:
                await credentials(path, reporter).get()
            assert "invalid_grant" in caught.value.message
            assert "sesame" not in "".join(caught.value.lines())

    asyncio.run(run())


async def _not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def _not_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail ready\r\n")
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("answer", "scheme", "expected"),
    [
        (_not_found, "http", "did not send an OpenID configuration: HTTP 404"),
        (_not_http, "http", "is not an OpenID provider"),
        (_silent, "http", "closed the connection"),
        (_not_http, "https", "TLS with the provider"),
        (None, "http", "cannot be reached: Connection refused"),
    ],
)
def test_provider_that_does_not_answer(kubeconfig, reporter, answer, scheme, expected):
    async def run() -> None:
        server = await asyncio.start_server(answer or _silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if answer is None:
            server.close()
            await server.wait_closed()
        path = kubeconfig(user=oidc(**{"idp-issuer-url": f"{scheme}://127.0.0.1:{port}", "refresh-token": "sesame"}))
        with pytest.raises(ForbiddenError) as caught:
            await credentials(path, reporter).get()
        server.close()
        assert expected in caught.value.message
        assert not re.search(r"sesame|Client|Error\b", "".join(caught.value.lines()).replace("❌ Error", ""))

    asyncio.run(run())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id-token": jwt(0)}, "no refresh token"),
        ({"refresh-token": "r", "idp-issuer-url": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"refresh-token": "r", "idp-issuer-url": "nowhere"}, "is not a URL"),
    ],
)
def test_login_that_cannot_be_renewed(kubeconfig, reporter, config, expected):
    with pytest.raises(ForbiddenError, match=expected):
        load(kubeconfig(user=oidc(**config)), reporter)


def test_unsupported_auth_provider(kubeconfig, reporter):
    with pytest.raises(UsageError, match="auth-provider: 'gcp' is not supported"):
        load(kubeconfig(user={"auth-provider": {"name": "gcp"}}), reporter)


# Certificates


def test_client_certificate_is_not_written_to_disk(kubeconfig, reporter, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    pair = Authority("ca").client("jo")
    data = {"client-certificate-data": pair.public, "client-key-data": pair.private}
    loaded = load(kubeconfig(user={name: base64.b64encode(pem).decode() for name, pem in data.items()}), reporter)
    assert (loaded.certificate, loaded.key) == (pair.public, pair.private)
    add_client_certificate(server_context(None), pair.public, pair.private)


def test_key_on_disk_does_not_outlive_its_use_nor_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create")
    left = tmp_path / "kaito-key-left"
    left.mkdir()
    (left / "pair.pem").write_text("of a killed process")
    os.utime(left, (0, 0))
    with certificates._temporary_file(b"secret") as path:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert [file.name for file in tmp_path.iterdir()] == [Path(path).parent.name]
    assert not [*tmp_path.iterdir()]
    pair = Authority("ca").client("jo")
    add_client_certificate(server_context(None), pair.public, pair.private)


# A certificate has years until 2049 in one form, and later ones in another.
@pytest.mark.parametrize(("start", "end"), [(2023, 2024), (2023, 2060), (2055, 2060)])
def test_certificate_expiry(start, end):
    period = Period(datetime(start, 1, 1, tzinfo=UTC), datetime(end, 5, 6, 7, 8, 9, tzinfo=UTC))
    assert expiry(Authority("ca").client("jo", period=period).public) == period.end


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", b"x" * 99])
def test_expiry_of_an_invalid_certificate(pem):
    assert expiry(pem) is None


def test_certificate_and_key_that_do_not_match():
    one, two = Authority("ca").client("a"), Authority("ca").client("b")
    with pytest.raises(CertificateError, match="not a valid pair"):
        add_client_certificate(server_context(None), one.public, two.private)


@pytest.mark.parametrize(
    "user", [{"client-certificate-data": "QQ=="}, {"client-certificate-data": "%"}, {"client-certificate": "missing"}]
)
def test_incomplete_client_certificate(kubeconfig, reporter, user):
    with pytest.raises(KaitoError):
        load(kubeconfig(user=user), reporter)


def test_invalid_authorities():
    with pytest.raises(CertificateError, match="not a PEM certificate"):
        server_context(b"x")
