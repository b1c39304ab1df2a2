"""Reads a list of the API server page by page.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from kaito.cluster.api_errors import VersionExpiredError
from kaito.errors import ClusterError
from kaito.util import limits

_PAGE_SIZE = "250"
#: How often a list is started again because the API server has dropped the version of its first page.
_RESTARTS = 3


class ListPage(Protocol):
    """A decoded page of a list."""

    @property
    def items(self) -> Sequence[Any]:
        """The objects of the page."""

    @property
    def next(self) -> str:
        """The token for the next page; `""` on the last one."""


P = TypeVar("P", bound=ListPage)


async def read_pages(
    read: Callable[[Mapping[str, str]], Awaitable[bytes]],
    params: Mapping[str, str],
    decode: Callable[[bytes], P],
    kinds: str,
) -> list[P]:
    """Return all pages of a list. The list is started again when the API server has dropped its version.

    Args:
        read: returns the body of one page, given the query.
        params: the query of every page, such as `labelSelector`.
        decode: decodes the body of a page.
        kinds: the objects, such as `Pods`, for an error.

    Raises:
        ClusterError: the list does not end.
        KaitoError: a page cannot be read.
    """
    for _ in range(_RESTARTS):
        try:
            return await _read_pages(read, params, decode, kinds)
        except VersionExpiredError as exc:
            expired = exc
    raise expired


async def _read_pages(
    read: Callable[[Mapping[str, str]], Awaitable[bytes]],
    params: Mapping[str, str],
    decode: Callable[[bytes], P],
    kinds: str,
) -> list[P]:
    pages: list[P] = []
    count = 0
    query = {**params, "limit": _PAGE_SIZE}
    while len(pages) < limits.API_LIST_PAGES and count <= limits.API_LIST_ITEMS:
        page = decode(await read(query))
        pages.append(page)
        if not page.next:
            return pages
        count += len(page.items)
        query["continue"] = page.next
    raise ClusterError(
        f"The API server's list of {kinds} does not end: {count} objects so far",
        "Select fewer with -n; if it is a proxy that answers, check the server's address in the kubeconfig",
    )
