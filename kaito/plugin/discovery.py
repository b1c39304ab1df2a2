"""Finds plugins: in the package, in installed distributions, and on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct

from kaito import __version__
from kaito.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

#: Entry-point group of installed plugins.
GROUP = "kaito"

# In the order in which their hooks are called.
_BUILT_IN = (
    "kaito.endpoints.backends.url",
    "kaito.endpoints.backends.cluster_dns",
    "kaito.endpoints.backends.ingress",
    "kaito.endpoints.backends.port_forward",
    "kaito.endpoints.backends.api_proxy",
    "kaito.formatters.plain",
    "kaito.formatters.json",
    "kaito.shell.commands.turns",
    "kaito.shell.commands.preferences",
    "kaito.shell.commands.files",
)


class MissingPluginError(UsageError):
    """A plugin that the user named does not exist."""


class Plugin(Struct, frozen=True, eq=False):
    """One plugin and the distribution that it comes from."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"'{self.name}' ({f'{self.distribution} {self.version}'.strip()})"


#: A plugin, and the function that imports it.
Found = tuple[Plugin, Callable[[], Any]]


def built_in() -> Iterator[Found]:
    """Yield the plugins of this package."""
    for module in _BUILT_IN:
        plugin = Plugin(module.rpartition(".")[2], "kaito", __version__)
        yield plugin, partial(importlib.import_module, module)


def installed(allowed: str | None, warn: Callable[[str], None]) -> Iterator[Found]:
    """Yield the plugins of installed distributions, sorted by name.

    Args:
        allowed: names of the entry points that may load, separated by commas; `None` for all.
        warn: called with a message for each allowed name that is not installed.
    """
    names = None if allowed is None else {name.strip() for name in allowed.split(",")} - {""}
    if names == set():
        return
    found: dict[str, Found] = {}
    if _any_installed():
        from importlib.metadata import distributions

        for distribution in distributions():
            for plugin, load in _offered_by(distribution):
                found.setdefault(plugin.name, (plugin, load))
    for name in sorted(found):
        if names is None or name in names:
            yield found[name]
    for name in sorted((names or set()) - set(found)):
        warn(f"KAITO_PLUGINS: plugin '{name}' is not installed")


def named(names: Iterable[str]) -> Iterator[Found]:
    """Yield the modules and files that `--plugin` names. Importing a missing one raises `MissingPluginError`."""
    for name in names:
        is_file = name.endswith(".py") or os.sep in name
        plugin = Plugin(Path(name).stem if is_file else name, name, "")
        yield plugin, partial(_import_file if is_file else _import_module, name)


def _any_installed() -> bool:
    """Return whether an installed distribution may have entry points of our group.

    Importing `importlib.metadata` takes longer than the rest of a start without plugins; reading the files that it
    would read shows whether it is needed. Zip files and the like are left to it.
    """
    header = f"[{GROUP}]".encode()
    for entry in sys.path:
        folder = Path(entry or ".")
        if folder.is_file():
            return True
        for file in folder.glob("*.*-info/entry_points.txt"):
            try:
                if header in file.read_bytes():
                    return True
            except OSError:
                return True
    return False


def _offered_by(distribution: Distribution) -> Iterator[Found]:
    """Yield the plugins of a distribution. Broken metadata affects this distribution only."""
    try:
        if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
            return
        points = list(distribution.entry_points.select(group=GROUP))
    except (OSError, UnicodeDecodeError):
        return
    except (TypeError, ValueError) as exc:
        # An entry point of our group does not parse.
        yield Plugin("entry_points.txt", str(distribution.metadata["Name"]), distribution.version), _raiser(exc)
    else:
        for point in points:
            yield Plugin(point.name, distribution.name, distribution.version), point.load


def _raiser(exc: Exception) -> Callable[[], NoReturn]:
    def load() -> NoReturn:
        raise exc

    return load


def _import_module(name: str) -> Any:
    missing = MissingPluginError(f"--plugin: module '{name}' not found")
    if not name or name.startswith("."):
        raise missing
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        # A module that the plugin itself imports may be missing instead.
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            raise missing from None
        raise


def _import_file(name: str) -> Any:
    path = Path(name)
    if not path.is_file():
        raise MissingPluginError(f"--plugin: file '{name}' not found")
    module_name = f"kaito_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
