"""Which endpoint `auto` uses, and its error when there is none."""

import contextlib
import re
import socket

import pytest

from kaito.testing import ModelServer, run_kaito

HOST = "llama.example.com"

#: Blocks lookups of the Ingress' host: the system's resolver cannot be pointed at another server.
SILENT_RESOLVER = f"""
import socket, threading
from kaito import hookimpl

real = socket.getaddrinfo

def answer(host, *args, **kwargs):
    if host == {HOST!r}:
        threading.Event().wait()
    return real(host, *args, **kwargs)

socket.getaddrinfo = answer

@hookimpl
def kaito_slash_commands():
    return []
"""


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace(port=server.port)


@pytest.fixture
def full_port():
    """Return a port whose backlog is full, so that no connection is accepted."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:
            client = stack.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield listener.getsockname()[1]


@pytest.mark.parametrize("host", [HOST, None])
def test_a_dead_route_does_not_delay_the_others(namespace, workspace, full_port, tmp_path, host):
    backend = {"service": {"name": "my-llama", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    entry = {"ip": "127.0.0.1", "ports": [{"port": full_port, "protocol": "TCP"}]}
    namespace.create(
        "networking.k8s.io/v1",
        "Ingress",
        "chat",
        spec={"rules": [{**rule, "host": host} if host else rule], "tls": [{"hosts": [host]} if host else {}]},
        status={"loadBalancer": {"ingress": [entry]}},
    )
    plugin = tmp_path / "silent.py"
    plugin.write_text(SILENT_RESOLVER)
    outcome = run_kaito(
        "chat",
        *("--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama", "--plugin", str(plugin)),
        # The limit of the dead route is longer than that of this process.
        *("--verbose", "--connect-timeout", "600", "-m", "hello"),
    )
    assert (outcome.code, outcome.out) == (0, "Assistant: hello\n")
    assert "port-forward: opened " in outcome.err
    took = {name: int(time) for name, time in re.findall(r"^(\S+): .*\((\d+) ms\)$", outcome.err, re.MULTILINE)}
    assert "ingress: cancelled, another endpoint is used (" in outcome.err
    assert took["ingress"] > 190


def test_every_backend_is_forbidden(namespace, workspace):
    outcome = run_kaito(
        "chat",
        *("--kubeconfig", str(namespace.kubeconfig("nobody")), "--workspace-name", "my-llama", "-m", "hello"),
    )
    assert (outcome.code, outcome.out) == (5, "")
    assert "❌ Error: No backend is allowed to reach the workspace's endpoint\n" in outcome.err
    for line in (
        "ingress: User 'nobody' may not list ingresses.networking.k8s.io",
        "port-forward: User 'nobody' may not ",
        "api-proxy: You may not get services/proxy",
    ):
        assert line in outcome.err


def test_the_only_route_is_not_encrypted(control_plane, namespace, workspace):
    """It is named in the error, and not used."""
    kubeconfig = control_plane.user("zoe", namespace=namespace.name)
    namespace.grant(
        "zoe",
        {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list"]},
    )
    with ModelServer() as ingress:
        entry = {"ip": "127.0.0.1", "ports": [{"port": ingress.port, "protocol": "TCP"}]}
        backend = {"service": {"name": "my-llama", "port": {"number": 80}}}
        status = {"loadBalancer": {"ingress": [entry]}}
        namespace.create("networking.k8s.io/v1", "Ingress", "chat", spec={"defaultBackend": backend}, status=status)
        arguments = ("chat", "--kubeconfig", str(kubeconfig), "--workspace-name", "my-llama", "-m", "hello")
        outcome = run_kaito(*arguments)
        assert outcome.code == 5
        assert f"   ingress: {ingress.url} is used only with --backend ingress\n" in outcome.err
        assert ingress.chats == []
        assert run_kaito(*arguments, "--backend", "ingress").out == "Assistant: hello\n"
