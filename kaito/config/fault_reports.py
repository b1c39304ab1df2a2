"""How faults of the configuration are reported: the first ends a command, while `kaito config` shows all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from kaito.errors import UsageError

#: Receives a fault. If it returns, everything that is valid is still read.
Report = Callable[[UsageError], None]


def raise_fault(fault: UsageError) -> NoReturn:
    """Report a fault by raising it."""
    raise fault
