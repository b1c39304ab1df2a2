"""A control plane: etcd, kube-apiserver and kwok, brought up on 127.0.0.1 and taken down again."""

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
from .client import ApiClient, ApiRefusal
from .kubeconfigs import Access, by_certificate, by_token
from .objects import Object
from .ports import ReservedPort
from .processes import Server, Servers
from .servers import NODE, POD_NETWORK, Commands, Ports, node
from .waiting import until

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_START = 60.0
#: kube-apiserver ends by itself when no watch is open any more, and kwok always has one.
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
    """A Kubernetes API with nodes and pods that are played.

    It runs as long as its context lasts. There is no scheduler and no controller: pods name their node, endpoints are
    made by hand (see :class:`~.namespaces.Namespace`), and a deleted namespace stays unless it is finalized.

    Args:
        assets: the programs and definitions.
        without: groups of definitions that are left out, such as `kaito.sh`; kwok cannot do without its own.

    Attributes:
        client: talks with the API server as its administrator.
        closed_port: a port of 127.0.0.1 that refuses connections.

    Raises:
        MissingAssets: something is not there.
        ServerEnded: a server ended as it started.
        AssertionError: something did not become ready.
    """

    def __init__(self, assets: Assets, without: Collection[str] = ()) -> None:
        assets.check()
        self._without = tuple(f"{group}_" for group in without)
        self._assets = assets
        self._cleanup = contextlib.ExitStack()
        self._addresses = (f"{POD_NETWORK}.{x}.{y}" for x in range(1, 255) for y in range(1, 255))
        self._users = itertools.count()
        self._ways: dict[str, int] = {}
        self._collections: list[str] = []
        self._authority = Authority("test")
        self._access: dict[str, Access] = {}
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

    # -- where it is and who one is

    @property
    def port(self) -> int:
        """The port of the API server, the same after a restart."""
        return self._ports.api

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority_file(self) -> Path:
        """The certificate that the API server's is checked with, as a pod finds it in its service account's folder."""
        return self._commands.authority_file

    def kubeconfig(self, somebody: str, namespace: str = "default") -> Path:
        """Return the path of a kubeconfig.

        Args:
            somebody: `admin` (and `admin-token`) may do everything; `viewer` may read workspaces and what belongs to
                them, but neither forward ports nor use proxies; `nobody` is known and may do nothing; each by a client
                certificate, or by a token. `anonymous` says nothing of itself: 403. `badtoken` and `expired`, whose
                client certificate has ended: 401. `wrongca` expects another authority. `down` names a port where
                nobody listens. Also the name of a :meth:`user`.
            namespace: the context's namespace.
        """
        return self._access[somebody].write(self._servers.folder / f"{somebody}.{namespace}.kubeconfig", namespace)

    def user(
        self,
        name: str | None = None,
        groups: Sequence[str] = (),
        *,
        namespace: str = "default",
        valid_for: datetime.timedelta | None = None,
    ) -> Path:
        """Return the kubeconfig of a user with a client certificate, who may do nothing yet.

        Args:
            name: the user's name; a new one if not given: the file's name up to the first dot.
            groups: what the user is a member of.
            namespace: the context's namespace.
            valid_for: how long the certificate is valid from now, if it shall end: the API server looks at its dates
                with each request.
        """
        name = name or f"user-{next(self._users)}"
        period = None if valid_for is None else Period.ending_in(valid_for)
        pair = self._authority.client(name, groups, period)
        self._access[name] = Access(
            server=self.server, authority=self._authority.certificate, user=by_certificate(pair)
        )
        return self.kubeconfig(name, namespace)

    def service_account_token(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """Return a token as it is mounted into the pods of a service account, which is made if there is none.

        It is good as long as the service account is there, and some seconds more: the API server remembers.

        Args:
            namespace: the service account's.
            name: the service account's; for RBAC it is `system:serviceaccount:NAMESPACE:NAME`.
            seconds: how long the token is good for; 600 at least.
        """
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        self.client.apply(account)
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.client.request("POST", path, {"spec": {"expirationSeconds": seconds}})
        return str(answer["status"]["token"])

    # -- the API server's life

    def stop_api(self, grace: float = _GRACE) -> None:
        """End the API server: its connections break, and its port refuses new ones.

        Args:
            grace: seconds that it is given to finish its requests.
        """
        self._servers.stop(self._api, grace)

    def start_api(self) -> None:
        """Start the API server, which was stopped, on the same port, and wait until it is ready."""
        self._launch_api()
        self._wait(self._api_ready, "the API server is ready")
        self._wait(self._collections_ready, "the definitions' objects can be read")

    # -- pods

    def pod_address(self) -> str:
        """Return an address for a new pod, which no other has had."""
        return next(self._addresses)

    def lead(self, address: str, port: int | None) -> None:
        """Lead the API server's own connections to a pod, such as its Service proxy's, to a server on this machine.

        Args:
            address: the pod's `ADDRESS:PORT`.
            port: the port of 127.0.0.1; `None` refuses from now on.
        """
        if port is None:
            self._ways.pop(address, None)
        else:
            self._ways[address] = port
        new = self._ways_file.with_suffix(".new")
        new.write_text(json.dumps(self._ways))
        new.replace(self._ways_file)

    # -- starting

    def _start(self, stack: contextlib.ExitStack) -> None:
        reserved = [stack.enter_context(ReservedPort()) for _ in range(5)]
        *numbers, self.closed_port = [port.number for port in reserved]
        self._ports = Ports(*numbers)
        self._servers = stack.enter_context(contextlib.closing(Servers()))
        self._commands = Commands(self._assets, self._servers.folder, self._ports)
        self._ways_file = self._servers.folder / "ways.json"
        self._servers.start("etcd", self._commands.etcd())
        self._name_people()
        self.lead("", None)
        self._servers.start("egress", self._commands.egress(self._ways_file))
        self._launch_api()
        self.client = ApiClient(self.kubeconfig("admin"))
        self._wait(self._api_ready, "the API server is ready")
        self._define()
        self._start_kwok()
        self._admit_viewer()

    def _launch_api(self) -> None:
        self._api = self._servers.start("kube-apiserver", self._commands.api_server())

    def _name_people(self) -> None:
        tokens = {name: secrets.token_hex(16) for name in ("admin", "viewer", "nobody")}
        groups = {"admin": ["system:masters"]}
        lines = [f'{token},{name},{name},"{",".join(groups.get(name, ()))}"\n' for name, token in tokens.items()]
        self._commands.write(self._authority, "".join(lines))
        ours = self._authority.certificate
        users = {"anonymous": {}, "badtoken": by_token("not-a-token")}
        for name, token in tokens.items():
            users[name] = by_certificate(self._authority.client(name, groups.get(name, ())))
            users[f"{name}-token"] = by_token(token)
        ended = Period.ending_in(-datetime.timedelta(days=1))
        users["expired"] = by_certificate(self._authority.client("admin", groups["admin"], ended))
        self._access = {name: Access(server=self.server, authority=ours, user=user) for name, user in users.items()}
        other = Authority("other").certificate
        self._access["wrongca"] = Access(server=self.server, authority=other, user=users["admin"])
        nowhere = f"https://127.0.0.1:{self.closed_port}"
        self._access["down"] = Access(server=nowhere, authority=ours, user=users["admin"])

    def _define(self) -> None:
        files = [file for file in self._assets.definitions() if not file.name.startswith(self._without)]
        with ThreadPoolExecutor(4) as pool:
            self._collections = [path for paths in pool.map(self._define_one, files) for path in paths]
        self._wait(self._collections_ready, "the definitions' objects can be read")

    def _define_one(self, file: Path) -> list[str]:
        """Send a definition, and return the paths of its collections."""
        answer = self.client.request("POST", _DEFINITIONS, file.read_bytes(), "application/yaml")
        spec = answer["spec"]
        versions = [version["name"] for version in spec["versions"] if version["served"]]
        return [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}" for version in versions]

    def _start_kwok(self) -> None:
        self.client.create(node())
        self._servers.start("kwok", self._commands.kwok(self.kubeconfig("admin")))
        self._wait(lambda: _is(self.client.get("v1", "Node", NODE), "Ready"), "the node is ready")
        self._wait(self._kubelet_listens, "kwok listens")

    def _admit_viewer(self) -> None:
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
        except (OSError, http.client.HTTPException, ApiRefusal):
            return False
        return True

    def _collections_ready(self) -> bool:
        """Return whether they answer: until a definition is established it is 404, and for a while after that 429."""
        try:
            for path in self._collections:
                self.client.request("GET", f"{path}?limit=1")
        except ApiRefusal:
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
