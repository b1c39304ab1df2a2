"""Which backends are asked."""

import subprocess
import sys

import pytest

from kaito.endpoints.backend_choice import choose_backends
from kaito.errors import UsageError
from kaito.plugin.manager import create_plugins
from kaito.settings import Settings
from kaito.testing import child_environment
from kaito.types import Target

BUILT_IN = {"url", "cluster-dns", "ingress", "port-forward", "api-proxy"}


def choose(backend="auto", **target):
    plugins = create_plugins(warn=print, allowed="")
    return set(choose_backends(plugins, Settings(target=Target(**target), backend=backend)))


def test_auto_asks_all_backends():
    assert choose(workspace="w") == BUILT_IN - {"url"}


def test_a_named_backend_is_asked_alone():
    assert choose("ingress", workspace="w") == {"ingress"}


def test_endpoint_selects_the_backend_url():
    assert choose(endpoint="http://x") == {"url"}
    assert choose("url", endpoint="http://x", workspace="w") == {"url"}


@pytest.mark.parametrize(
    ("backend", "target", "message"),
    [
        ("auto", {}, "--workspace-name is required"),
        ("ingress", {}, "--workspace-name is required"),
        ("nope", {"workspace": "w"}, "--backend: 'nope' is not one of auto, api-proxy, cluster-dns, ingress"),
        ("url", {"workspace": "w"}, "--backend: 'url' requires --endpoint URL"),
        ("ingress", {"endpoint": "http://x"}, "--backend: 'ingress' cannot be used with --endpoint"),
    ],
)
def test_contradictions(backend, target, message):
    with pytest.raises(UsageError) as caught:
        choose(backend, **target)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("backend", "endpoint", "chose"),
    [("auto", None, False), ("auto", "http://x", True), ("ingress", None, True), ("url", "http://x", True)],
)
def test_whether_the_user_chose_a_backend(backend, endpoint, chose):
    assert Settings(target=Target(endpoint=endpoint), backend=backend).chose_backend is chose


def test_a_cluster_backend_is_imported_before_it_is_asked():
    """The time that `auto` gives the other backends is measured from then on."""
    code = (
        "import asyncio, sys\n"
        "from kaito.endpoints.backends.port_forward import PortForwardBackend\n"
        "from kaito.settings import Settings\n"
        "assert 'aiohttp' not in sys.modules\n"
        "async def enter():\n"
        "    async with PortForwardBackend(Settings()):\n"
        "        assert {'aiohttp', 'kaito.cluster.api_client'} <= set(sys.modules)\n"
        "asyncio.run(enter())\n"
    )
    subprocess.run([sys.executable, "-c", code], env=child_environment(), check=True)
