"""Endpoints of a team from a YAML file: the backend `inventory`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kaito

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaito import Backend, OptionGroup, Settings

__version__ = "0.1.0"


@kaito.hookimpl
def kaito_add_options(options: OptionGroup) -> None:
    """Add `--inventory`."""
    options.add("--inventory", metavar="FILE", parse=checked, help=HELP)


@kaito.hookimpl
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Return the backend `inventory`."""
    from kaito_inventory.backend import InventoryBackend

    return [InventoryBackend(settings)]


#: The help of `--inventory`, here and in the subcommand.
HELP = "Find the endpoint in this inventory; inventory.yaml in kaito's configuration folder by default"


def checked(file: str) -> str:
    """Return the name of an inventory's file, after checking it, so that nothing is contacted if it cannot be used.

    Raises:
        ValueError: it cannot be used.
    """
    from kaito_inventory.inventory import InventoryError, read_inventory

    try:
        read_inventory(file)
    except InventoryError as exc:
        raise ValueError(exc.reason) from None
    return file
