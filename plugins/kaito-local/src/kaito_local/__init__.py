"""A small real model inside the process: the backend of `kaito chat --backend local`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kaito

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaito.hookspecs import Backend

__version__ = "0.1.0"


@kaito.hookimpl
def kaito_backends() -> Iterable[Backend]:
    """Return the backend `local`."""
    from kaito_local.backend import LocalBackend

    return [LocalBackend()]
