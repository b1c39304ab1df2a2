"""The cost of `auto` when other routes are dead: a resolver that never answers, an address that never accepts.

Both are on the loopback, and two Ingresses use them: the host of one must be resolved, the other has an address only.
The program has its own resolv.conf, in a mount namespace (`unshare`), which names a silent UDP socket. Where that is
not allowed, a plugin blocks the interpreter's `getaddrinfo` instead, and a line of the output says so.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cluster.place import NAME, cluster, kaito_flags, missing
from benchmarks.measure import Sandbox, Server, alternating, beside
from benchmarks.one_shot import WORDS, checked
from benchmarks.report import Bar, Row

RUNS = 15

_HOST = "llama.example.com"
#: Not the usual address, where a resolver of this machine may listen.
_RESOLVER = "127.77.53.53"
_PLUGIN = Path(__file__).with_name("silent_resolver_plugin.py")
_IN_NAMESPACE = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"'


@dataclass(frozen=True, slots=True)
class _Silence:
    """How a program is started with a resolver that never answers."""

    before: Sequence[str] = ()
    flags: Sequence[str] = ()
    note: str | None = None


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row, or the reason why there is none."""
    if reason := missing():
        yield f"cluster-auto: {reason}; its row is left out"
        return
    with Server(WORDS) as server, cluster() as namespace, _full_port() as port, _silence(sandbox) as silence:
        namespace.workspace(NAME, port=server.port)
        _add_ingress(namespace, "by-name", port, _HOST)
        _add_ingress(namespace, "by-address", port, None)

        def seconds(backend: str) -> float:
            command = [beside("kaito"), *kaito_flags(namespace, backend), *silence.flags, "-m", "hi"]
            return checked(sandbox.run(*silence.before, *command)).wall

        pairs = alternating(lambda: seconds("auto"), lambda: seconds("port-forward"), runs)
        if silence.note:
            yield silence.note
    both, alone = (median(side) * 1000 for side in zip(*pairs, strict=True))
    yield Row(
        name="cluster-auto: --backend auto - --backend port-forward, wall",
        ours=f"{both:.0f} ms",
        theirs=f"{alone:.0f} ms",
        compared="kaito - alternative",
        value=median((both - alone) * 1000 for both, alone in pairs),
        bar=Bar("at most", 250.0, " ms"),
    )


def _add_ingress(namespace: Any, name: str, port: int, host: str | None) -> None:
    backend = {"service": {"name": NAME, "port": {"number": 80}}}
    rule: dict[str, Any] = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"rules": [rule | ({"host": host} if host else {})], "tls": [{"hosts": [host]} if host else {}]}
    entry = {"ip": "127.0.0.1", "ports": [{"port": port, "protocol": "TCP"}]}
    namespace.create("networking.k8s.io/v1", "Ingress", name, spec=spec, status={"loadBalancer": {"ingress": [entry]}})


@contextlib.contextmanager
def _full_port() -> Iterator[int]:
    """Yield a port of 127.0.0.1 whose backlog is full, so that no further connection is accepted."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        with contextlib.suppress(TimeoutError):
            while True:
                client = stack.enter_context(socket.socket())
                client.settimeout(0.2)
                client.connect(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def _silence(sandbox: Sandbox) -> Iterator[_Silence]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        before = _namespace(sandbox, resolver)
        if before is not None:
            yield _Silence(before=before)
            return
    note = "cluster-auto: without a mount namespace and a port 53 on the loopback, a plugin blocked getaddrinfo"
    yield _Silence(flags=["--plugin", str(_PLUGIN)], note=note)


def _namespace(sandbox: Sandbox, resolver: socket.socket) -> list[str] | None:
    """Return the command that starts a program with this resolver; `None` where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    try:
        resolver.bind((_RESOLVER, 53))
    except OSError:
        return None
    files = {"resolv.conf": f"nameserver {_RESOLVER}\n", "nsswitch.conf": "hosts: files dns\n"}
    for name, text in files.items():
        (sandbox.home / name).write_text(text)
    before = [unshare, "-rm", "sh", "-c", _IN_NAMESPACE, "sh", *(str(sandbox.home / name) for name in files)]
    # It works when the resolver receives a query.
    lookup = [sys.executable, "-c", f"import socket; socket.getaddrinfo({_HOST!r}, None)"]
    with subprocess.Popen([*before, *lookup], env=sandbox.env, stderr=subprocess.DEVNULL) as process:
        try:
            resolver.settimeout(2.0)
            resolver.recv(512)
        except TimeoutError:
            return None
        finally:
            process.kill()
    return before
