"""Modules that export names of others, which are imported when a name is first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazily(module: str, exports: Mapping[str, str]) -> Callable[[str], object]:
    """Return the function `__getattr__` of a module.

    Args:
        module: the name of the module that exports.
        exports: the modules that define the names.
    """

    def get(name: str) -> object:
        if name not in exports:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(exports[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    return get
