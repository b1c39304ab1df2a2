"""Finds plugins: in the package, in installed distributions, and on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from msgspec import Struct, structs

from kaito import __version__
from kaito.errors import PluginError, UsageError
from kaito.plugin import built_in as built_in_modules
from kaito.plugin import entry_points
from kaito.plugin.source_files import files_of_distribution, files_of_module

if TYPE_CHECKING:
    from importlib.metadata import Distribution


class MissingPluginError(UsageError):
    """A plugin that the user named does not exist."""


class Plugin(Struct, frozen=True, eq=False):
    """One plugin and the distribution that it comes from."""

    name: str
    distribution: str
    version: str
    origin: Literal["built-in", "installed", "named"] = "named"

    def __str__(self) -> str:
        return f"'{self.name}' ({f'{self.distribution} {self.version}'.strip()})"


class Found(Struct, frozen=True):
    """A plugin that can be imported."""

    plugin: Plugin
    #: Imports the plugin.
    load: Callable[[], Any]
    #: Returns the files that may hold its code; none if they are not known.
    files: Callable[[], Iterable[Path]] = tuple
    #: Whether its module may have been loaded already as another plugin, without that being an error.
    may_be_loaded: bool = False


def built_in() -> Iterator[Found]:
    """Yield the plugins of this package."""
    for module in built_in_modules.PLUGINS:
        plugin = Plugin(module.rpartition(".")[2], "kaito", __version__, "built-in")
        yield Found(plugin, partial(importlib.import_module, module))


def built_in_subcommand(name: str) -> Found:
    """Return a subcommand of this package."""
    plugin = Plugin(_subcommand_plugin(name), "kaito", __version__, "built-in")
    return Found(plugin, partial(importlib.import_module, built_in_modules.subcommand_module(name)))


def installed(allowed: Container[str] | None) -> Iterator[Found]:
    """Yield the plugins of installed distributions, sorted by name.

    Args:
        allowed: names of the plugins that may load; `None` for all.
    """
    return _installed(entry_points.PLUGINS, allowed)


def installed_subcommands(allowed: Container[str] | None, name: str | None = None) -> Iterator[Found]:
    """Yield the plugins that add subcommands; with a name, only those that add this one."""
    for found in _installed(entry_points.SUBCOMMANDS, allowed, name):
        # It may also be a plugin of the other group.
        plugin = structs.replace(found.plugin, name=_subcommand_plugin(found.plugin.name))
        yield structs.replace(found, plugin=plugin, may_be_loaded=True)


def missing(allowed: Iterable[str]) -> list[str]:
    """Return the names that no installed plugin has."""
    known = {*entry_points.names(entry_points.PLUGINS), *entry_points.names(entry_points.SUBCOMMANDS)}
    return sorted(set(allowed) - known)


def _subcommand_plugin(name: str) -> str:
    return f"kaito {name}"


def _installed(group: str, allowed: Container[str] | None, only: str | None = None) -> Iterator[Found]:
    if not entry_points.may_exist(group):
        return
    from importlib.metadata import distributions

    found: dict[str, list[Found]] = {}
    seen: set[str] = set()
    for distribution in distributions():
        offered = list(_offered_by(distribution, group))
        names_seen = {re.sub("[-_.]+", "-", each.plugin.distribution).lower() for each in offered}
        # When two folders of the path hold the same distribution, Python imports the first one.
        for each in offered if seen.isdisjoint(names_seen) else ():
            found.setdefault(each.plugin.name, []).append(each)
        seen |= names_seen
    for name in sorted(found):
        if (allowed is None or name in allowed) and only in (None, name):
            yield found[name][0] if len(found[name]) == 1 else _conflict(found[name])


def _conflict(found: list[Found]) -> Found:
    first, *others = (each.plugin for each in found)
    also = " and ".join(f"{other.distribution} {other.version}" for other in others)
    error = PluginError(f"{also} has a plugin of this name, too")
    return Found(first, _raiser(error))


def named(names: Iterable[str]) -> Iterator[Found]:
    """Yield the plugins that `--plugin` names. Loading one that is missing raises `MissingPluginError`."""
    for name in names:
        is_file = name.endswith(".py") or os.sep in name
        plugin = Plugin(Path(name).stem if is_file else name, name, "")
        files = partial(iter, [Path(name)]) if is_file else partial(files_of_module, name)
        yield Found(plugin, partial(_import_file if is_file else _import_module, name), files)


def _offered_by(distribution: Distribution, group: str) -> Iterator[Found]:
    """Yield the plugins of a distribution. Broken metadata does not affect other distributions."""
    try:
        if f"[{group}]" not in (distribution.read_text("entry_points.txt") or ""):
            return
        points = list(distribution.entry_points.select(group=group))
    except (OSError, UnicodeDecodeError):
        return
    except (TypeError, ValueError) as exc:
        # The metadata cannot be parsed.
        plugin = Plugin("entry_points.txt", str(distribution.metadata["Name"]), distribution.version, "installed")
        error = PluginError("it has a line that is not NAME = MODULE or NAME = MODULE:OBJECT")
        error.__cause__ = exc
        yield Found(plugin, _raiser(error), partial(files_of_distribution, distribution))
    else:
        for point in points:
            plugin = Plugin(point.name, distribution.name, distribution.version, "installed")
            if point.pattern.match(point.value):
                yield Found(plugin, point.load, partial(files_of_module, point.module))
            else:
                error = PluginError(f"its entry point '{point.value}' is not MODULE or MODULE:OBJECT")
                yield Found(plugin, _raiser(error), partial(files_of_distribution, distribution))


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
        # The missing module may instead be one that the plugin imports.
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
