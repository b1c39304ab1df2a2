"""Who takes the faults of the configuration: the first ends a command, while `kaito config` shows all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from kaito.errors import UsageError

#: Takes a fault. It may return: all that is valid is then read nevertheless.
Report = Callable[[UsageError], None]


def raise_fault(fault: UsageError) -> NoReturn:
    """Take a fault by raising it."""
    raise fault
