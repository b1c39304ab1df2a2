"""How `kaito forward` assigns client connections to upstreams."""

from types import SimpleNamespace
from typing import Any

import pytest

from kaito.forward.server import _ConnectionBalancer
from kaito.forward.upstreams import Upstream, Upstreams
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.testing import RecordingReporter


class Client:
    """A client connection."""

    connected = True

    @property
    def request(self) -> Any:
        return SimpleNamespace(protocol=self)


@pytest.fixture
def upstreams():
    upstreams = Upstreams(Plugins(print), Settings(), RecordingReporter())
    for name in ("a", "b"):
        upstream: Any = SimpleNamespace(name=name)
        upstreams._upstreams[name] = upstream
    return upstreams


def names(balancer, *clients):
    return [balancer.upstream_for(client.request).name for client in clients]


def test_new_connections_use_the_least_busy_upstream(upstreams):
    balancer = _ConnectionBalancer(upstreams)
    clients = [Client() for _ in range(4)]
    assert names(balancer, *clients) == ["a", "b", "a", "b"]
    # A connection keeps its upstream.
    assert names(balancer, *reversed(clients)) == ["b", "a", "b", "a"]


def test_closed_connections_do_not_count(upstreams):
    balancer = _ConnectionBalancer(upstreams)
    first, second = Client(), Client()
    assert names(balancer, first, second) == ["a", "b"]
    second.connected = False
    assert names(balancer, Client()) == ["b"]


def test_connections_of_a_closed_upstream_get_another_one(upstreams):
    balancer = _ConnectionBalancer(upstreams)
    client = Client()
    assert names(balancer, client) == ["a"]
    replaced: Upstream = upstreams._upstreams.pop("a")
    assert names(balancer, client) == ["b"]
    assert not upstreams.is_open(replaced)
