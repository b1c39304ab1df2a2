"""The backends for a cluster keep all promises of the hooks, with a real API server."""

import json
import socket
from typing import Any, ClassVar

import pytest

from kaito.endpoints.backends.api_proxy import ApiProxyBackend
from kaito.endpoints.backends.cluster_dns import ClusterDnsBackend
from kaito.endpoints.backends.ingress import IngressBackend
from kaito.endpoints.backends.port_forward import PortForwardBackend
from kaito.testing.contract import BackendContract
from tests.e2e.cluster.asking import settings_for
from tests.e2e.cluster.test_cluster_dns import dns, pod  # noqa: F401 they are fixtures
from tests.e2e.cluster.test_ingress import add_ingress


@pytest.fixture
def silent_url():
    """Yield the URL of a port that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class ClusterBackendContract(BackendContract):
    """The suite for a backend that finds the workspace `my-llama` with a kubeconfig."""

    kind: Any = None

    @pytest.fixture(autouse=True)
    def workspace(self, namespace, server, refused_url, silent_url, tmp_path):
        self.folder, self.refused_url, self.silent_url = tmp_path, refused_url, silent_url
        self.kubeconfig = namespace.kubeconfig()
        self.model_server = server
        namespace.workspace(port=server.port)

    def make_settings(self):
        return settings_for(self.kubeconfig, self.kind.name)

    def make_backend(self, settings):
        return self.kind(settings)

    def make_unreachable_backend(self):
        return self._at(self.refused_url)

    def make_hanging_backend(self):
        return self._at(self.silent_url)

    def _at(self, url):
        """Return a backend whose API server is at a URL."""
        config = self.folder / "config"
        names = {"cluster": "c", "user": "u"}
        clusters, users = [{"name": "c", "cluster": {"server": url}}], [{"name": "u", "user": {}}]
        contexts = [{"name": "x", "context": names}]
        config.write_text(
            json.dumps({"current-context": "x", "clusters": clusters, "users": users, "contexts": contexts})
        )
        settings = settings_for(config, self.kind.name)
        return self.kind(settings), settings


class TestPortForward(ClusterBackendContract):
    kind = PortForwardBackend
    not_applicable: ClassVar = {"test_it_reconnects": "the simulated kubelet does not report closed connections"}


class TestApiProxy(ClusterBackendContract):
    kind = ApiProxyBackend


class TestIngress(ClusterBackendContract):
    kind = IngressBackend

    @pytest.fixture(autouse=True)
    def route(self, workspace, namespace, server):
        add_ingress(namespace, server.port, host=None, tls=False)


@pytest.mark.usefixtures("pod", "dns")
class TestClusterDns(ClusterBackendContract):
    kind = ClusterDnsBackend

    def make_settings(self):
        return settings_for(None, self.kind.name)

    def make_unreachable_backend(self):
        return None  # without an API server, the Service's name is all that is needed

    def make_hanging_backend(self):
        return None
