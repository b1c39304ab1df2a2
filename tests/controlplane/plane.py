"""A control plane on 127.0.0.1: etcd, kube-apiserver and kwok."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import itertools
import json
import secrets
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from .assets import Assets
from .certificates import Authority, Period
from .client import ApiClient, ApiError
from .kubeconfigs import KubeconfigContent, by_certificate, by_token
from .objects import Object
from .ports import ReservedPort
from .processes import Server, Servers
from .servers import NODE, POD_NETWORK, Commands, Ports, node
from .waiting import until

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#: Seconds for each step; several control planes may start at the same time.
_START = 180.0
#: kube-apiserver waits for open watches, and kwok always has one.
_GRACE = 0.3
_VIEWER_RULES = (
    {"apiGroups": ["kaito.sh"], "resources": ["*"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"]},
    {
        "apiGroups": [""],
        "resources": ["pods", "pods/log", "services", "endpoints", "namespaces", "nodes", "events"],
    },
)


class ControlPlane(contextlib.AbstractContextManager["ControlPlane"]):
    """A Kubernetes API with simulated nodes and pods. It runs while its context is entered.

    There is no scheduler and no controller: pods name their node, endpoints are created by
    :class:`~.namespaces.Namespace`, and a deleted namespace remains until it is finalized.

    Args:
        assets: the programs and definitions.
        without: groups of definitions to leave out, such as `kaito.sh`; kwok requires its own.

    Attributes:
        client: a client with the administrator's credentials.
        closed_port: a port of 127.0.0.1 that refuses connections.

    Raises:
        MissingAssets: a file is missing.
        ServerEnded: a server ended during the start.
        AssertionError: a server did not become ready.
    """

    def __init__(self, assets: Assets, without: Collection[str] = ()) -> None:
        assets.check()
        self._without = tuple(f"{group}_" for group in without)
        self._assets = assets
        self._cleanup = contextlib.ExitStack()
        self._addresses = (f"{POD_NETWORK}.{x}.{y}" for x in range(1, 255) for y in range(1, 255))
        self._users = itertools.count()
        self._routes: dict[str, int] = {}
        self._collections: list[str] = []
        self._authority = Authority("test")
        self._kubeconfigs: dict[str, KubeconfigContent] = {}
        self.client: ApiClient
        self._servers: Servers
        self._api: Server
        self._commands: Commands

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._cleanup.close()

    # -- addresses and users

    @property
    def port(self) -> int:
        """The port of the API server, which a restart does not change."""
        return self._ports.api

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority_file(self) -> Path:
        """The certificate of the API server's authority, as in the folder of a pod's service account."""
        return self._commands.authority_file

    def kubeconfig(self, somebody: str, namespace: str = "default", context: str = "test") -> Path:
        """Return the path of a kubeconfig.

        Args:
            somebody: `admin` may do everything. `viewer` may read workspaces and their objects, but neither forward
                ports nor use proxies. `nobody` may do nothing. Each has a client certificate; `admin-token` and so on
                have a token. `anonymous` has no credentials (403). `badtoken` has an invalid token, `expired` an
                expired client certificate (401). `wrongca` trusts another authority. `down` has a port that refuses
                connections. Also the name of a :meth:`user`.
            namespace: the context's namespace.
            context: the context's name.
        """
        file = self._servers.folder / f"{somebody}.{namespace}.{context}.kubeconfig"
        return self._kubeconfigs[somebody].write(file, namespace, context)

    def user(
        self,
        name: str | None = None,
        groups: Sequence[str] = (),
        *,
        namespace: str = "default",
        valid_for: datetime.timedelta | None = None,
    ) -> Path:
        """Return the kubeconfig of a user with a client certificate and no permissions.

        Args:
            name: the user's name, by default a new one: the file's name up to the first dot.
            groups: the user's groups.
            namespace: the context's namespace.
            valid_for: how long the certificate is valid from now, by default longer than any test. The API server
                checks it with each request.
        """
        name = name or f"user-{next(self._users)}"
        period = None if valid_for is None else Period.ending_in(valid_for)
        pair = self._authority.client(name, groups, period)
        self._kubeconfigs[name] = KubeconfigContent(
            server=self.server, authority=self._authority.certificate, user=by_certificate(pair)
        )
        return self.kubeconfig(name, namespace)

    def service_account_token(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """Return a token as the pods of a service account have it. The service account is created if necessary.

        It is valid while the service account exists, and some seconds longer as the API server caches it.

        Args:
            namespace: the service account's.
            name: the service account's; in RBAC it is the user `system:serviceaccount:NAMESPACE:NAME`.
            seconds: the token's validity, at least 600.
        """
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        self.client.apply(account)
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.client.request("POST", path, {"spec": {"expirationSeconds": seconds}})
        return str(answer["status"]["token"])

    # -- stopping and starting the API server

    def stop_api(self, grace: float = _GRACE) -> None:
        """Stop the API server: its connections break, and its port refuses new ones.

        Args:
            grace: seconds to finish its requests.
        """
        self._servers.stop(self._api, grace)

    def start_api(self) -> None:
        """Start the stopped API server on the same port, and wait until it is ready."""
        self._launch_api()
        self._wait(self._api_ready, "the API server is ready")
        self._wait(self._collections_ready, "the definitions' objects can be read")

    # -- pods

    def pod_address(self) -> str:
        """Return an unused address for a new pod."""
        return next(self._addresses)

    def route(self, address: str, port: int | None) -> None:
        """Route the API server's own connections to a pod, such as those of its Service proxy, to a local server.

        Args:
            address: the pod's `ADDRESS:PORT`.
            port: the port of 127.0.0.1; `None` refuses connections.
        """
        if port is None:
            self._routes.pop(address, None)
        else:
            self._routes[address] = port
        new = self._routes_file.with_suffix(".new")
        new.write_text(json.dumps(self._routes))
        new.replace(self._routes_file)

    # -- starting

    def _start(self, stack: contextlib.ExitStack) -> None:
        reserved = [stack.enter_context(ReservedPort()) for _ in range(5)]
        *numbers, self.closed_port = [port.number for port in reserved]
        self._ports = Ports(*numbers)
        self._servers = stack.enter_context(contextlib.closing(Servers()))
        self._commands = Commands(self._assets, self._servers.folder, self._ports)
        self._routes_file = self._servers.folder / "routes.json"
        self._servers.start("etcd", self._commands.etcd())
        self._create_users()
        self.route("", None)
        self._servers.start("egress", self._commands.egress(self._routes_file))
        self._launch_api()
        self.client = ApiClient(self.kubeconfig("admin"))
        self._wait(self._api_ready, "the API server is ready")
        self._define()
        self._start_kwok()
        self._grant_viewer()

    def _launch_api(self) -> None:
        self._api = self._servers.start("kube-apiserver", self._commands.api_server())

    def _create_users(self) -> None:
        tokens = {name: secrets.token_hex(16) for name in ("admin", "viewer", "nobody")}
        groups = {"admin": ["system:masters"]}
        lines = [f'{token},{name},{name},"{",".join(groups.get(name, ()))}"\n' for name, token in tokens.items()]
        self._commands.write(self._authority, "".join(lines))
        authority = self._authority.certificate
        users = {"anonymous": {}, "badtoken": by_token("not-a-token")}
        for name, token in tokens.items():
            users[name] = by_certificate(self._authority.client(name, groups.get(name, ())))
            users[f"{name}-token"] = by_token(token)
        expired = Period.ending_in(-datetime.timedelta(days=1))
        users["expired"] = by_certificate(self._authority.client("admin", groups["admin"], expired))
        self._kubeconfigs = {
            name: KubeconfigContent(server=self.server, authority=authority, user=user) for name, user in users.items()
        }
        other = Authority("other").certificate
        self._kubeconfigs["wrongca"] = KubeconfigContent(server=self.server, authority=other, user=users["admin"])
        closed = f"https://127.0.0.1:{self.closed_port}"
        self._kubeconfigs["down"] = KubeconfigContent(server=closed, authority=authority, user=users["admin"])

    def _define(self) -> None:
        files = [file for file in self._assets.definitions() if not file.name.startswith(self._without)]
        with ThreadPoolExecutor(4) as pool:
            self._collections = [path for paths in pool.map(self._define_one, files) for path in paths]
        self._wait(self._collections_ready, "the definitions' objects can be read")

    def _define_one(self, file: Path) -> list[str]:
        """Create a definition, and return the paths of its collections."""
        answer = self.client.request("POST", _DEFINITIONS, file.read_bytes(), "application/yaml")
        spec = answer["spec"]
        versions = [version["name"] for version in spec["versions"] if version["served"]]
        return [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in versions]

    def _start_kwok(self) -> None:
        self.client.create(node())
        self._servers.start("kwok", self._commands.kwok(self.kubeconfig("admin")))
        self._wait(lambda: _is(self.client.get("v1", "Node", NODE), "Ready"), "the node is ready")
        self._wait(self._kubelet_listens, "kwok listens")

    def _grant_viewer(self) -> None:
        rules = [{**rule, "verbs": ["get", "list", "watch"]} for rule in _VIEWER_RULES]
        group = "rbac.authorization.k8s.io"
        head = {"apiVersion": f"{group}/v1", "metadata": {"name": "test-viewer"}}
        self.client.create({**head, "kind": "ClusterRole", "rules": rules})
        role = {"apiGroup": group, "kind": "ClusterRole", "name": "test-viewer"}
        viewer = {"apiGroup": group, "kind": "User", "name": "viewer"}
        self.client.create({**head, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [viewer]})

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        def running_and() -> bool:
            self._servers.check()
            return bool(condition())

        try:
            until(running_and, what, _START)
        except AssertionError as error:
            error.add_note(self._servers.logs())
            raise

    def _api_ready(self) -> bool:
        try:
            self.client.request("GET", "/readyz")
        except (OSError, http.client.HTTPException, ApiError):
            return False
        return True

    def _collections_ready(self) -> bool:
        """Return whether they can be read: 404 until a definition is established, then 429 for a while."""
        try:
            for path in self._collections:
                self.client.request("GET", f"{path}?limit=1")
        except ApiError:
            return False
        return True

    def _kubelet_listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._ports.kubelet)).close()
        except ConnectionRefusedError:
            return False
        return True


def _is(item: Object, kind: str) -> bool:
    conditions = item.get("status", {}).get("conditions", ())
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)
