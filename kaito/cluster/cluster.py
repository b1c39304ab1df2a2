"""The cluster for subcommands and plugins: reads and applies objects as plain data, with the user's credentials."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, overload

from msgspec import Struct, field

from kaito.cluster.api_client import ApiClient
from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.list_pages import read_pages
from kaito.errors import KaitoError
from kaito.types import Applied, Reporter, ServedModel, Target
from kaito.types.targets import target_of
from kaito.util import limits
from kaito.util.decoding import DecodeError, convert, decode_json

T = TypeVar("T")

#: In the class, `list` is the method.
_List = list


class _ListMetadata(Struct, frozen=True):
    next: str = field(name="continue", default="")


class _Page(Struct, frozen=True):
    metadata: _ListMetadata = _ListMetadata()
    items: tuple[Any, ...] = ()

    @property
    def next(self) -> str:
        return self.metadata.next


class Cluster:
    """A connection to the API server. All methods raise a `KaitoError` if it cannot be reached or refuses a request.

    Attributes:
        namespace: the namespace that the user selected with `-n`, or else the kubeconfig's.
        context: the name of the kubeconfig's context; `None` in a pod.
    """

    def __init__(self, client: ApiClient, reporter: Reporter) -> None:
        self._client = client
        self._reporter = reporter
        self.namespace = client.namespace
        self.context = client.config.context.name if client.config.context is not None else None

    @overload
    async def get(self, path: str) -> dict[str, Any]: ...

    @overload
    async def get(self, path: str, type: type[T]) -> T: ...

    async def get(self, path: str, type: Any = dict[str, Any]) -> Any:
        """Return an object.

        Args:
            path: such as `/api/v1/namespaces/default/configmaps/my-map`.
            type: the type to decode the object into, such as a `msgspec.Struct` with the fields that are needed; by
                default, plain data. Other fields are ignored, and `null` counts as absent.

        Raises:
            NotFoundError: the object does not exist, or its kind is not served.
            ForbiddenError: the user may not read the object.
        """
        return _decoded(path, await self._client.read(path, limit=limits.API_OBJECT), type)

    @overload
    async def list(self, path: str, /, **parameters: str) -> _List[dict[str, Any]]: ...

    @overload
    async def list(self, path: str, type: type[T], /, **parameters: str) -> _List[T]: ...

    async def list(self, path: str, type: Any = dict[str, Any], /, **parameters: str) -> _List[Any]:
        """Return the objects of a collection.

        Args:
            path: such as `/apis/kaito.sh/v1beta1/namespaces/default/workspaces`.
            type: the type to decode each object into; see :meth:`get`. An object that is not valid is left out, with a
                notice.
            parameters: the parameters of the query, such as `labelSelector`.

        Raises:
            NotFoundError: the kind is not served.
            ForbiddenError: the user may not list the objects.
            ClusterError: the API server's list does not end.
        """
        items: _List[Any] = []
        kinds = path.rpartition("/")[2]
        read = partial(self._client.read, path, limit=limits.API_PAGE)
        for page in await read_pages(read, parameters, lambda data: _decoded(path, data, _Page), kinds):
            for item in page.items:
                try:
                    items.append(convert(item, type))
                except DecodeError as exc:
                    self._reporter.notice(f"An object of {path} is left out, as it is not valid: {exc}")
        return items

    async def apply(
        self, item: Mapping[str, Any], *, manager: str = "kaito", dry_run: bool = False, force: bool = False
    ) -> Applied:
        """Create an object, or change the fields of an existing one, by server-side apply.

        Validation is strict: a field that the kind does not have is an error. The API server's warnings are shown as
        notices.

        Args:
            item: the object, with `apiVersion`, `kind` and `metadata.name`. Without a namespace, it is created in
                :attr:`namespace`.
            manager: the field manager. Fields that it has applied before and that `item` lacks are removed.
            dry_run: whether the API server only checks the object, with all its admission plugins.
            force: whether to take over fields of other managers.

        Raises:
            ConflictError: other managers have set some of the fields; the hints name them.
            ForbiddenError: a role is missing, or a policy of the cluster refuses the object.
            NotFoundError: the kind or the namespace does not exist.
            KaitoError: the object is not valid; the message is that of the API server or of an admission plugin.
            ValueError: the object has no version, kind or name.
        """
        from kaito.cluster.apply import apply

        return await apply(self._client, self._reporter, item, manager=manager, dry_run=dry_run, force=force)

    async def served_models(self, *, all_namespaces: bool = False) -> tuple[ServedModel, ...]:
        """Return the Workspaces and InferenceSets, with the same readiness as `kaito status`.

        Raises:
            NotFoundError: KAITO is not installed.
            ForbiddenError: the user may not list them.
        """
        from kaito.cluster.workspaces.served import served_models

        return await served_models(self._client, all_namespaces=all_namespaces)

    async def wait_until_ready(self, workspace: str, timeout: float) -> None:
        """Wait until a workspace serves its model, and report the progress, like `kaito status --wait`.

        Args:
            workspace: its name, or `inferenceset/NAME` to wait for one replica of an InferenceSet.
            timeout: the most seconds to wait; 0 to check once.

        Raises:
            NotFoundError: the workspace is not ready in time, does not exist, or was deleted.
        """
        from kaito.cluster.workspaces.waiting import wait_until_ready

        await wait_until_ready(self._client, target_of(workspace), timeout, self._reporter)


@asynccontextmanager
async def open_cluster(target: Target, reporter: Reporter) -> AsyncIterator[Cluster]:
    """Connect to the cluster of a target.

    Raises:
        KaitoError: no cluster is configured, or its configuration is not valid.
    """
    # In a thread: a kubeconfig may be a pipe, and reading it may take time.
    config = await asyncio.to_thread(find_cluster_config, target, os.environ, reporter)
    async with ApiClient(config, reporter, target.request_timeout) as client:
        yield Cluster(client, reporter)


def _decoded(path: str, data: bytes, type: type[T]) -> T:
    try:
        return decode_json(data, type)
    except DecodeError as exc:
        raise KaitoError(f"The API server's answer for {path} is not valid: {exc}") from None
