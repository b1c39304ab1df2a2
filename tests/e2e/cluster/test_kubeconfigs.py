"""Kubeconfigs: what kubectl can use works, and what it refuses is refused with a message that names the place."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.errors import KaitoError
from kaito.testing import RecordingReporter
from kaito.types import Target
from tests.controlplane import ControlPlane
from tests.e2e.cluster.kubeconfig_cases import CASES, Case

_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture(scope="module")
def environments(control_plane, tmp_path_factory):
    """Write all kubeconfigs; return the environment of each case."""
    folder = tmp_path_factory.mktemp("kubeconfigs")
    return {
        name: _write(case, folder / str(number), control_plane) for number, (name, case) in enumerate(CASES.items())
    }


@pytest.fixture(scope="module")
def judgements(environments):
    """Return for each case the completed `kubectl get workspaces`."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")

    def judge(name: str) -> subprocess.CompletedProcess[str]:
        return _kubectl(environments[name], "get", "workspaces", "--request-timeout=10")

    first, *others = CASES
    results = {first: judge(first)}  # which fills kubectl's cache
    with ThreadPoolExecutor(4) as pool:
        return results | dict(zip(others, pool.map(judge, others), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_kubeconfig_as_with_kubectl(environments, judgements, name):
    case, judgement = CASES[name], judgements[name]
    assert (judgement.returncode == 0) == case.works, judgement.stderr[-2000:]
    error, _ = _ours(environments[name])
    shown = "\n".join(error.lines()) if error else "no error"
    assert (error is None) == (case.works != bool(case.because)), (shown, judgement.stderr[-2000:])
    assert case.says in shown
    for secret in ("TOKEN", "wrong"):
        assert environments[name].get(secret, secret) not in shown


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.whoami])
def test_user_as_with_kubectl(environments, judgements, name):
    expected = json.loads(_kubectl(environments[name], "auth", "whoami", "-o", "json").stdout)
    error, user = _ours(environments[name])
    assert error is None
    assert user == _comparable(expected)


def _ours(environ: Mapping[str, str]) -> tuple[KaitoError | None, Any]:
    """Return the error when workspaces are listed as the kubeconfig's user, and who that is."""

    async def ask() -> Any:
        reporter = RecordingReporter()
        async with ApiClient(find_cluster_config(Target(), environ, reporter), reporter, 10) as client:
            await client.read(f"/apis/kaito.sh/v1beta1/namespaces/{client.namespace}/workspaces", retries=False)
            review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
            return await client.post(_REVIEWS, review, dict[str, Any])

    try:
        return None, _comparable(asyncio.run(ask()))
    except KaitoError as exc:
        return exc, None


def _comparable(review: Any) -> Any:
    """Return the user of a review, without what differs for each client certificate."""
    user = review["status"]["userInfo"]
    return {**user, "extra": {key: each for key, each in user.get("extra", {}).items() if "credential-id" not in key}}


def _kubectl(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", *arguments], env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )


def _write(case: Case, folder: Path, plane: ControlPlane) -> dict[str, str]:
    """Write a case's files; return the environment in which its kubeconfig is found."""
    folder.mkdir()
    authority = plane.authority_file.read_bytes()
    user = json.loads(plane.kubeconfig("admin").read_text())["users"][0]["user"]
    certificate, key = (base64.b64decode(user[f"client-{name}-data"]) for name in ("certificate", "key"))
    token = json.loads(plane.kubeconfig("admin-token").read_text())["users"][0]["user"]["token"]
    lines = base64.encodebytes(authority).decode().replace("\n", "\\n")
    der = base64.b64decode("".join(authority.decode().split("\n")[1:-2]))
    headers = authority.replace(b"CERTIFICATE-----\n", b"CERTIFICATE-----\nA: b\n\n", 1)
    values = {
        "SERVER": plane.server,
        "HOST": plane.server.removeprefix("https://"),
        "FOLDER": str(folder),
        "CA_DATA": _base64(authority),
        "CA_LINES": lines,
        "CA_MARK": _base64(b"\xef\xbb\xbf" + authority),
        "CA_COMMENT": _base64("# Authority of Größe\n".encode("latin-1") + authority),
        "CA_KEY": _base64(key + authority),
        "CA_HEADERS": _base64(headers),
        "CA_DER": _base64(der),
        "CERT_DATA": _base64(certificate),
        "CERT_MARK": _base64(b"\xef\xbb\xbf" + certificate),
        "CERT_ESCAPED": json.dumps(certificate.decode())[1:-1],
        "KEY_DATA": _base64(key),
        "KEY_ESCAPED": json.dumps(key.decode())[1:-1],
        "TOKEN": token,
        "VE9LRU4=": _base64(token.encode()),
    }

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    contents: dict[str, bytes] = {
        "ca.crt": authority,
        "crlf.crt": authority.replace(b"\n", b"\r\n"),
        "client.crt": certificate,
        "client.key": key,
        "both.pem": key + certificate,
        "token": f"{token}\n".encode(),
        "plugin": b'#!/bin/sh\nprintf %s "$OUT"\n',
        "config": case.encode(
            filled(
                case.text.replace("CLUSTER", case.cluster).replace("USER", case.user).replace("CONTEXT", case.context)
            )
        ),
    }
    for name, text in case.files.items():
        contents[name] = authority if text == "CA" else filled(text or "").encode()
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    (folder / "plugin").chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "KUBECONFIG": os.pathsep.join(str(folder / path) for path in case.paths),
        "TOKEN": token,
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
