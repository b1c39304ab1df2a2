"""A terminal chat for the language models that KAITO serves in a Kubernetes cluster."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]

if TYPE_CHECKING:
    from kaito.hookspecs import hookimpl


def __getattr__(name: str) -> object:
    # `kaito --version` reads this module: pluggy is imported only for those who write hooks.
    if name == "hookimpl":
        from kaito.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
