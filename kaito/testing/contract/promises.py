"""How a broken promise is reported."""

from __future__ import annotations


def broken(what: str) -> AssertionError:
    """Return the failure of a test of the suite.

    Args:
        what: the promise, and how it was broken.
    """
    return AssertionError(what)


def promise(holds: bool, what: str) -> None:
    """Fail unless a promise holds.

    Raises:
        AssertionError: it does not.
    """
    __tracebackhide__ = True
    if not holds:
        raise broken(what)
