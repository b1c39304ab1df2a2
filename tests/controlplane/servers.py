"""The command lines and files of etcd, kube-apiserver and kwok."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from .assets import Assets
from .certificates import Authority, Pair, key_pair
from .objects import Object

#: The only node, which kwok simulates.
NODE = "kwok-node-0"
#: The pods' addresses: kwok assigns the first subnet, the tests the others.
POD_NETWORK = "10.77"

_EGRESS = Path(__file__).with_name("egress.py")
_STAGES = Path(__file__).with_name("stages.yaml")
_LOCAL = ("127.0.0.1", "localhost")
_KUBERNETES = ("10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the servers on 127.0.0.1."""

    api: int
    etcd: int
    etcd_peer: int
    kubelet: int


class Commands:
    """Writes the servers' files, and returns their command lines.

    Args:
        assets: the programs.
        folder: where files are written.
        ports: where the servers listen.
    """

    def __init__(self, assets: Assets, folder: Path, ports: Ports) -> None:
        self._assets = assets
        self._folder = folder
        self._ports = ports
        self._egress_socket = folder / "egress.sock"

    @property
    def authority_file(self) -> Path:
        """The certificate of the API server's authority."""
        return self._folder / "authority.crt"

    def write(self, authority: Authority, tokens: str) -> None:
        """Write certificates, keys and configurations.

        Args:
            authority: signs the servers' certificates.
            tokens: the API server's token file.
        """
        self.authority_file.write_bytes(authority.certificate)
        self._write_pair("api", authority.server("kube-apiserver", (*_LOCAL, *_KUBERNETES)))
        self._write_pair("kubelet", authority.server("kwok", _LOCAL))
        self._write_pair("kubelet-client", authority.client("kube-apiserver-kubelet-client", ["system:masters"]))
        self._write_pair("service-accounts", key_pair())
        (self._folder / "tokens.csv").write_text(tokens)
        (self._folder / "egress.yaml").write_text(json.dumps(_egress_selection(self._egress_socket)))
        configuration = json.dumps(self._kwok_configuration())
        (self._folder / "kwok.yaml").write_text(f"{configuration}\n---\n{_STAGES.read_text()}")

    def etcd(self) -> list[str | Path]:
        """Return etcd's command line."""
        clients = f"http://127.0.0.1:{self._ports.etcd}"
        peers = f"http://127.0.0.1:{self._ports.etcd_peer}"
        return [
            self._assets.program("etcd"),
            f"--data-dir={self._folder / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ]

    def api_server(self) -> list[str | Path]:
        """Return kube-apiserver's command line."""
        folder = self._folder
        return [
            self._assets.program("kube-apiserver"),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._ports.api}",
            f"--etcd-servers=http://127.0.0.1:{self._ports.etcd}",
            f"--cert-dir={folder / 'api'}",
            f"--tls-cert-file={folder / 'api.crt'}",
            f"--tls-private-key-file={folder / 'api.key'}",
            f"--client-ca-file={self.authority_file}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.crt'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--kubelet-certificate-authority={self.authority_file}",
            f"--kubelet-client-certificate={folder / 'kubelet-client.crt'}",
            f"--kubelet-client-key={folder / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--egress-selector-config-file={folder / 'egress.yaml'}",
            # No controller creates service accounts, removes taints from nodes or updates the API server's own Service.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            "--endpoint-reconciler-type=none",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
        ]

    def egress(self, routes: Path) -> list[str | Path]:
        """Return the command line of the proxy between the API server and nodes and pods.

        Args:
            routes: the file with its routes.
        """
        # Isolated, so that coverage and the user's packages do not slow it down.
        return [sys.executable, "-I", "-S", _EGRESS, self._egress_socket, routes]

    def kwok(self, kubeconfig: Path) -> list[str | Path]:
        """Return kwok's command line.

        Args:
            kubeconfig: an administrator's.
        """
        return [
            self._assets.program("kwok"),
            f"--kubeconfig={kubeconfig}",
            f"--config={self._folder / 'kwok.yaml'}",
            "--manage-all-nodes=true",
        ]

    def _kwok_configuration(self) -> Object:
        options = {
            "enableCRDs": ["PortForward"],
            "manageAllNodes": True,
            "cidr": f"{POD_NETWORK}.0.0/24",
            "nodeIP": "127.0.0.1",
            "nodePort": self._ports.kubelet,
            "serverAddress": f"127.0.0.1:{self._ports.kubelet}",
            "tlsCertFile": str(self._folder / "kubelet.crt"),
            "tlsPrivateKeyFile": str(self._folder / "kubelet.key"),
            "enableDebuggingHandlers": True,
            # These have no defaults in a configuration file, and kwok does nothing without them.
            "nodeLeaseDurationSeconds": 40,
            "nodeLeaseParallelism": 4,
            "nodePlayStageParallelism": 4,
            "podPlayStageParallelism": 4,
            "podsOnNodeSyncParallelism": 4,
            "enablePodsOnNodeSyncStreamWatch": True,
        }
        return {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}

    def _write_pair(self, name: str, pair: Pair) -> None:
        (self._folder / f"{name}.crt").write_bytes(pair.public)
        (self._folder / f"{name}.key").write_bytes(pair.private)


def node() -> Object:
    """Return the node that kwok simulates."""
    capacity = {"cpu": "24", "memory": "220Gi", "pods": "1000", "nvidia.com/gpu": "8"}
    labels = {"kubernetes.io/hostname": NODE, "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": labels},
        "spec": {"podCIDR": f"{POD_NETWORK}.0.0/24"},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _egress_selection(path: Path) -> Object:
    connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(path)}}}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }
