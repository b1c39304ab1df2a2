"""The plugins that are loaded. One that fails is reported by name and left out, and does not affect the others.

The exception is a plugin that may remove secrets from what is sent: when it fails before the first turn, nothing is
sent (:meth:`Registry.check_protection`).
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pluggy
from msgspec import Struct
from msgspec.structs import replace

from kaito import hookspecs
from kaito.errors import KaitoError, PluginError
from kaito.plugin.discovery import Found, MissingPluginError, Plugin
from kaito.plugin.hook_checks import REQUEST, HookManager
from kaito.plugin.isolation import Attempt, Isolation, message_of
from kaito.plugin.option_values import PluginSetting
from kaito.plugin.source_files import mention
from kaito.settings import Settings

#: Hooks that `kaito plugins` lists by name, because they provide no object that it could list.
_SHOWN_HOOKS = (REQUEST, "kaito_reply")


class PluginReport(Struct, frozen=True):
    """What is known about one plugin, for `kaito plugins`."""

    name: str
    distribution: str
    version: str
    #: Such as `backend url`.
    provides: tuple[str, ...]
    #: What went wrong with it, one line each.
    faults: tuple[str, ...]
    #: Whether it was loaded, so that its hooks are called.
    loaded: bool


class Registry:
    """Loads plugins and records what each provides and what went wrong.

    Args:
        warn: called with one line for each plugin that is not loaded, and each part of one that is ignored.
        trace: called with one line for each call of a hook of a plugin that is not built in; `None` for no trace.

    Attributes:
        settings: the options of plugins that `/set` can change, by name.
    """

    def __init__(self, warn: Callable[[str], None], trace: Callable[[str], None] | None = None) -> None:
        self._warn = warn
        self._trace = trace
        self._manager = HookManager()
        self._manager.add_hookspecs(hookspecs)
        self._by_module: dict[int, Plugin] = {}
        self._provided: dict[Plugin, list[str]] = {}
        self._faults: dict[Plugin, list[str]] = {}
        #: Plugins that see each request before it is sent, and therefore may redact it.
        self._protecting: set[Plugin] = set()
        #: Such plugins that failed, and plugins that could not be loaded and may be such, with the causes.
        self._unprotected: list[tuple[Plugin, BaseException | None]] = []
        self._turn_begun = False
        self.settings: dict[str, PluginSetting] = {}
        self._options: dict[Plugin, Mapping[str, Any]] = {}
        self._views: dict[Plugin, tuple[Settings, Settings]] = {}

    def load(self, found: Iterable[Found]) -> None:
        """Load plugins; one that fails does not affect the others.

        Raises:
            MissingPluginError: a plugin that the user named does not exist.
        """
        for each in found:
            self._load(each)

    def add(self, module: Any, name: str, distribution: str, version: str) -> None:
        """Register an object with hooks, such as a module that is imported already."""
        self._load(Found(Plugin(name, distribution, version), lambda: module))

    def reports(self) -> list[PluginReport]:
        """Return a report on every plugin, loaded or not, in the order in which they were found."""
        loaded = set(self._by_module.values())
        return [
            PluginReport(
                plugin.name,
                plugin.distribution,
                plugin.version,
                tuple(provided),
                tuple(self._faults[plugin]),
                plugin in loaded,
            )
            for plugin, provided in self._provided.items()
        ]

    def loaded(self) -> list[Plugin]:
        """Return the plugins whose hooks are called."""
        return list(self._by_module.values())

    def note_provided(self, plugin: Plugin, what: str) -> None:
        """Record what a plugin provides, such as `flag --redact`, for its report."""
        if what not in self._provided[plugin]:
            self._provided[plugin].append(what)

    def isolated(self, plugin: Plugin, action: str) -> Isolation:
        """Return a `with` block for a plugin's code; its failure raises an error that names the plugin."""
        return Isolation(plugin, action)

    def attempt(self, plugin: Plugin, action: str) -> Attempt:
        """Return a `with` block for a plugin's code; its failure is reported, and the program continues."""
        return Attempt(plugin, partial(self._report_raised, plugin, action))

    def _report_raised(self, plugin: Plugin, action: str, exc: BaseException) -> None:
        hints = exc.shown_hints() if isinstance(exc, KaitoError) else ()
        self.report_fault(plugin, "; ".join([f"{action}: {message_of(exc)}", *hints]), exc)
        if self._trace is not None:
            self._trace("".join(traceback.format_exception(exc)).rstrip())

    # Protection: nothing is sent unless all plugins that may redact it work

    @property
    def protecting(self) -> list[str]:
        """The names of the plugins that see each request before it is sent, and may redact it."""
        return sorted(plugin.name for plugin in self._protecting)

    def check_protection(self) -> None:
        """Check that all plugins that may redact what is sent work. Call it before anything is sent.

        Raises:
            PluginError: such a plugin failed.
        """
        if not self._unprotected:
            return
        plugin, cause = self._unprotected[0]
        if plugin.origin == "installed":
            # All others, as one that is left out without being named may be a redaction, too: those that were loaded
            # after it, and those that failed in turn.
            all_known = [*self._by_module.values(), *(one for one, _ in self._unprotected)]
            others = {one.name.removeprefix("kaito ") for one in all_known if one.origin == "installed"}
            leave_out = f"set KAITO_PLUGINS='{','.join(sorted(others - {plugin.name}))}'"
        else:
            leave_out = f"leave out --plugin {plugin.distribution}"
        raise PluginError(
            f"Plugin {plugin} may redact what is sent, and it failed: nothing is sent without it",
            f"To run without it, {leave_out}",
        ) from cause

    # Options

    def set_options(self, plugin: Plugin, values: Mapping[str, Any]) -> None:
        """Set the values of the flags that a plugin added, by names such as `redact_file`."""
        self._options[plugin] = values

    def options_of(self, plugin: Plugin) -> Mapping[str, Any]:
        """Return the values of the flags that a plugin added."""
        return self._options.get(plugin, {})

    def settings_for(self, plugin: Plugin, settings: Settings) -> Settings:
        """Return the settings as a plugin sees them, with the options of this plugin only."""
        before, view = self._views.get(plugin, (None, None))
        if view is None or before is not settings:
            view = replace(settings, options=self.options_of(plugin))
            self._views[plugin] = (settings, view)
        return view

    # Loading

    def _load(self, found: Found) -> None:
        plugin = found.plugin
        self._provided[plugin] = []
        self._faults[plugin] = []
        started = time.perf_counter()
        if any(str(plugin) == str(other) for other in self._by_module.values()):
            self._not_loaded(found, _LoadedAlreadyError())
            return
        with Attempt(plugin, partial(self._not_loaded, found)) as loading:
            module = found.load()
            hash(module)  # pluggy keeps plugins in sets
            if found.may_be_loaded and self._manager.is_registered(module):
                del self._provided[plugin], self._faults[plugin]
                return
            self._register(plugin, module)
        if not loading.failed:
            self._traced(plugin, "loaded", started)

    def _register(self, plugin: Plugin, module: Any) -> None:
        if self._manager.is_registered(module):
            other = self._by_module.get(id(module), plugin)
            raise _LoadedAlreadyError("" if other.name == plugin.name else f", as plugin {other}")
        if self._manager.has_plugin(plugin.name):
            other = self._by_module.get(id(self._manager.get_plugin(plugin.name)), plugin)
            raise PluginError(f"another plugin of this name is loaded already: {other}")
        refusals = self._manager.check(module) if plugin.origin != "built-in" else ()
        with warnings.catch_warnings(record=True) as deprecations:
            warnings.simplefilter("always")
            self._manager.register(module, plugin.name)
        hooks = {caller.name for caller in self._manager.get_hookcallers(module) or ()}
        if REQUEST in hooks or any(refusal.hook == REQUEST for refusal in refusals):
            self._protecting.add(plugin)
        for refusal in refusals:
            self.report_fault(plugin, refusal.reason)
        if not hooks:
            self._manager.unregister(module)
            unmarked = next((name for name in dir(module) if name in vars(hookspecs) and name.startswith("kaito_")), "")
            why = f"; {unmarked} is not marked with @hookimpl" if unmarked and not refusals else ""
            raise PluginError("it implements no hook" + (" that can be called" if refusals else why))
        self._by_module[id(module)] = plugin
        for deprecation in deprecations:
            message = f"{deprecation.category.__name__}: {deprecation.message}"
            self._faults[plugin].append(message)
            self._traced(plugin, message, None)
        for name in _SHOWN_HOOKS:
            if name in hooks:
                self.note_provided(plugin, f"hook {name}")

    def _not_loaded(self, found: Found, exc: BaseException) -> None:
        if isinstance(exc, MissingPluginError):
            raise exc
        plugin, message = found.plugin, message_of(exc)
        self._faults[plugin].append(message)
        self._warn(f"Plugin {plugin} was not loaded: {message}")
        if isinstance(exc, _LoadedAlreadyError) or plugin.origin == "built-in":
            return
        if plugin in self._protecting or mention(REQUEST, found.files()):
            self._unprotected.append((plugin, exc))

    def report_fault(self, plugin: Plugin, message: str, exc: BaseException | None = None) -> None:
        """Report a part of a plugin that is ignored; the rest of the plugin works."""
        self._faults[plugin].append(message)
        self._warn(f"Plugin {plugin}: {message}; this is ignored")
        if plugin in self._protecting and not self._turn_begun:
            self._unprotected.append((plugin, exc))

    # Calling hooks

    def _implementations(self, hook: str) -> list[tuple[Plugin, pluggy.HookImpl]]:
        """Return the implementations of a hook in the order in which they are called."""
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        # pluggy's own order begins with the plugin that was registered last.
        implementations.sort(key=lambda one: (not one.tryfirst, one.trylast))
        return [(self._by_module[id(one.plugin)], one) for one in implementations if id(one.plugin) in self._by_module]

    def trace_to(self, trace: Callable[[str], None]) -> None:
        """Trace the calls of hooks from now on; `trace` is as for the constructor."""
        self._trace = trace

    def trace(self, message: str) -> None:
        """Show a message if the calls of hooks are traced."""
        if self._trace is not None:
            self._trace(message)

    @property
    def is_traced(self) -> bool:
        """Whether calls of hooks are traced."""
        return self._trace is not None

    def _traced(self, plugin: Plugin, what: str, started: float | None, result: str = "") -> None:
        """Trace a step, with the time that it took and its result. `result` must not quote what is sent."""
        if self._trace is not None and plugin.origin != "built-in":
            took = "" if started is None else f", {(time.perf_counter() - started) * 1000:.1f} ms"
            self._trace(f"plugin {plugin}: {what}{took}" + (f", {result}" if result else ""))


class _LoadedAlreadyError(PluginError):
    def __init__(self, where: str = "") -> None:
        super().__init__(f"it is loaded already{where}")
