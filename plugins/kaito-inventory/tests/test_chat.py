"""A chat with an endpoint of the inventory, without a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaito.testing import Say, kaito_command, replay


def test_a_name_is_found_without_a_cluster(kaito, model_server, write_default, secret):
    write_default(
        {"name": "other", "url": "http://127.0.0.1:1"},
        {
            "name": "llama",
            "url": f"{model_server.url}/v1/",
            "model": "team-model",
            "api-key-file": secret("llama.key"),
            "headers": {"X-Team": "search"},
            "header-files": {"X-Api-Key": secret("gateway.key", "gate")},
        },
    )
    model_server.adapters = ["team-model"]
    model_server.enqueue(Say("Hello!"))
    outcome = kaito("chat", "--workspace-name", "llama", "-m", "Hi")
    assert (outcome.code, outcome.out) == (0, "Assistant: Hello!\n")
    [chat] = model_server.chats
    assert chat.headers["authorization"] == "Bearer s3cret"
    assert (chat.headers["x-team"], chat.headers["x-api-key"]) == ("search", "gate")
    assert chat.body["model"] == "team-model"


def test_the_flags_of_the_user_win(kaito, model_server, write_default, secret):
    write_default({"name": "llama", "url": model_server.url, "model": "theirs", "api-key-file": secret("key")})
    model_server.adapters = ["theirs", "mine"]
    kaito("chat", "--workspace-name", "llama", "--model", "mine", "-m", "Hi", env={"KAITO_API_KEY": "other"})
    [chat] = model_server.chats
    assert chat.body["model"] == "mine"
    assert chat.headers["authorization"] == "Bearer other"


def test_a_prompt_with_an_inventory_that_is_named(terminal, model_server, write):
    file = write({"name": "llama", "url": model_server.url})
    replay(
        terminal(kaito_command("chat", "--inventory", str(file))),
        """
        🤖 Connected to workspace: llama (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend inventory)

        > «Hi»‹enter›
        Assistant: Hi

        > ‹ctrl-d›
        👋 Goodbye!
        """,
        code=0,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["--backend", "inventory"], 2, "--workspace-name is required: the inventory '{file}' has 2 endpoints"),
        (
            ["--backend", "inventory", "--workspace-name", "c"],
            3,
            "The inventory '{file}' has no endpoint 'c'\n   It has: a, b",
        ),
        (["--backend", "inventory", "--workspace-name", "inferenceset/a"], 3, "The inventory '{file}' has no endpoint"),
        (["--workspace-name", "c", "-n", "team"], 4, "No cluster is configured"),
        (["--workspace-name", "a", "-n", "team"], 4, "No cluster is configured"),
        ([], 2, "--workspace-name is required\n   Without a cluster, use --endpoint URL or --backend inventory"),
    ],
)
def test_what_is_not_found(kaito, write_default, arguments, code, error):
    file = write_default({"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:1"})
    outcome = kaito("chat", *arguments, "-m", "Hi")
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(f"❌ Error: {error.format(file=file)}")
    assert "127.0.0.1" not in outcome.err


def test_the_only_endpoint_needs_no_name(kaito, model_server, write_default):
    write_default({"name": "a", "url": model_server.url})
    assert kaito("chat", "--backend", "inventory", "-m", "Hi").out == "Assistant: Hi\n"
    # Installed and configured, it is still not what a user without a name has asked for.
    assert kaito("chat", "-m", "Hi").code == 2


def test_an_endpoint_that_does_not_respond(kaito, refused_url, write_default):
    write_default({"name": "a", "url": refused_url})
    outcome = kaito("chat", "--workspace-name", "a", "-m", "Hi")
    assert outcome.code == 4
    assert f"Endpoint: {refused_url}/chat/completions\n" in outcome.err


def test_without_an_inventory(kaito, clean_environment):
    outcome = kaito("chat", "--backend", "inventory", "-m", "Hi")
    assert outcome.code == 3
    assert outcome.err.startswith(
        f"❌ Error: There is no inventory: {clean_environment}/.config/kaito/inventory.yaml\n"
    )
    assert kaito("chat", "--workspace-name", "a", "-m", "Hi").code == 4


def test_the_flag_is_checked_before_anything_is_contacted(kaito, write, model_server):
    file = write({"name": "a"})
    outcome = kaito("chat", "--endpoint", model_server.url, "--inventory", str(file), "-m", "Hi")
    assert outcome.code == 2
    assert outcome.err == f"❌ Error: --inventory: '{file}': endpoints[0].url: it is missing\n"
    assert model_server.requests == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_key_that_others_can_use_is_refused(kaito, model_server, write_default, secret, mode):
    write_default({"name": "a", "url": model_server.url, "api-key-file": secret("key", mode=mode)})
    outcome = kaito("chat", "--workspace-name", "a", "--backend", "inventory", "-m", "Hi")
    assert outcome.code == 1
    assert "other users may use it; 'chmod 600 " in outcome.err
    assert "s3cret" not in outcome.err
    assert model_server.requests == []


@pytest.mark.parametrize("content", ["", "two\nlines", "kéy"])
def test_a_file_without_a_key(kaito, model_server, write_default, secret, content):
    write_default({"name": "a", "url": model_server.url, "api-key-file": secret("key", content)})
    outcome = kaito("chat", "--workspace-name", "a", "--backend", "inventory", "-m", "Hi")
    assert outcome.code == 1
    assert "it is not one line of printable ASCII characters" in outcome.err


@pytest.fixture
def certificate(tmp_path):
    """Write a certificate for loopback, which no system trusts, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "team")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "team.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "team.key").write_bytes(private)
    return str(tmp_path / "team.pem"), str(tmp_path / "team.key")


def test_a_certificate_authority(kaito, start_model_server, certificate, write):
    server = start_model_server(tls=certificate)
    entry = {"name": "a", "url": server.url}
    # Relative to the folder of the inventory.
    file = write(entry | {"certificate-authority": "team.pem"})
    assert kaito("chat", "--inventory", str(file), "-m", "Hi").out == "Assistant: Hi\n"
    write(entry)
    outcome = kaito("chat", "--inventory", str(file), "-m", "Hi")
    assert outcome.code == 4
    assert "certificate" in outcome.err


def test_a_file_without_certificates(kaito, write_default):
    write_default({"name": "a", "url": "https://127.0.0.1:1", "certificate-authority": __file__})
    outcome = kaito("chat", "--workspace-name", "a", "--backend", "inventory", "-m", "Hi")
    assert outcome.code == 1
    assert f"'{__file__}' is not a file of PEM certificates" in outcome.err
