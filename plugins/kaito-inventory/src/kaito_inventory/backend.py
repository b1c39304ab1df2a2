"""The backend `inventory`: looks up the name that the user gave in an inventory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from kaito import Backend, Candidate, Endpoint, NotFoundError, Rank, Reporter, Settings, Target, UsageError
from kaito.toolkit import wait_until_answering
from kaito_inventory.inventory import Entry, Inventory, find_inventory, no_inventory

#: Better than anything that a cluster offers, because the entry was written for this purpose.
_RANK = Rank.ENDPOINT + 5


class InventoryBackend(Backend):
    """Endpoints from a file. Nothing is contacted before :meth:`open`."""

    name = "inventory"
    needs_workspace = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file: str | None = settings.option("inventory")
        #: Whether the user named the inventory, rather than only a name that it may contain.
        self._named = settings.backend == self.name or self._file is not None

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the entry with the workspace's name, or the only one if the user named the inventory.

        Raises:
            KaitoError: the inventory cannot be used, or the user named it and it does not have the entry.
        """
        if not self._named and (target.workspace is None or _means_a_cluster(target)):
            return []
        inventory = await asyncio.to_thread(find_inventory, self._file)
        if inventory is None:
            if self._named:
                raise no_inventory()
            return []
        entry = self._choose(inventory, target)
        return [self._candidate(inventory, entry)] if entry is not None else []

    def _choose(self, inventory: Inventory, target: Target) -> Entry | None:
        if target.workspace is None:
            if len(inventory.entries) == 1:
                return inventory.entries[0]
            held = f"the inventory '{inventory.path}' has {len(inventory.entries)} endpoints"
            raise UsageError(f"--workspace-name is required: {held}", f"They are: {inventory.names()}")
        entry = inventory.find(target.workspace) if target.kind == "workspace" else None
        if entry is None and self._named:
            raise NotFoundError(
                f"The inventory '{inventory.path}' has no endpoint '{target.workspace}'",
                f"It has: {inventory.names()}",
            )
        return entry

    def _candidate(self, inventory: Inventory, entry: Entry) -> Candidate:
        # Another program can only use the URL if it needs no headers or authorities.
        plain = not (entry.api_key_file or entry.headers or entry.header_files or entry.certificate_authority)
        return Candidate(
            backend=self.name,
            url=entry.shown_url,
            rank=_RANK,
            shared=plain and "?" not in entry.url,
            external=True,
            detail=(inventory, entry),
        )

    @asynccontextmanager
    async def open(self, candidate: Candidate, reporter: Reporter) -> AsyncIterator[Endpoint]:
        """Yield the entry as an endpoint; with `--wait`, wait until its server answers.

        Raises:
            KaitoError: a file that it names cannot be used, or its server does not answer in time.
        """
        inventory, entry = candidate.detail
        endpoint = await asyncio.to_thread(self._endpoint, inventory, entry)
        if (timeout := self._settings.target.wait) is not None:
            await wait_until_answering(endpoint, self._settings, timeout, reporter)
        yield endpoint

    def _endpoint(self, inventory: Inventory, entry: Entry) -> Endpoint:
        _, mark, query = entry.url.partition("?")
        return Endpoint(
            url=f"{entry.shown_url}{mark}{query}",
            shown_url=f"{entry.shown_url}/chat/completions",
            label=entry.name,
            # The endpoint's model would override `--model`.
            model=None if self._settings.target.model is not None else entry.model,
            headers={**entry.headers, **inventory.secret_headers(entry)},
            ssl=inventory.trusted(entry),
        )


def _means_a_cluster(target: Target) -> bool:
    """Return whether the user selected a cluster or a namespace."""
    return any(given is not None for given in (target.namespace, target.context, target.kubeconfig))
