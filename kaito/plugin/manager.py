"""The plugin manager: loads each plugin separately and has a typed method for every hook.

What fails is left out and named; its exceptions end here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy
from msgspec import Struct

from kaito import hookspecs
from kaito.errors import KaitoError, PluginError
from kaito.eventloop.background_exits import running_plugin
from kaito.plugin import discovery
from kaito.plugin.discovery import Found, MissingPluginError, Plugin
from kaito.settings import Settings
from kaito.types import ChatRequest, OptionGroup, Reply, SlashCommand

if TYPE_CHECKING:
    from kaito.hookspecs import Backend, Formatter

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Offered(Struct, Generic[T], frozen=True):
    """An object that a plugin offers, with the plugin."""

    plugin: Plugin
    value: T


class PluginReport(Struct, frozen=True):
    """What is known of one plugin; `kaito plugins` shows it."""

    name: str
    distribution: str
    version: str
    #: Such as `backend url`.
    provides: tuple[str, ...]
    #: What went wrong.
    faults: tuple[str, ...]
    #: Whether its hooks are called at all.
    loaded: bool


class Plugins:
    """Loads plugins, calls their hooks one by one, and isolates their failures.

    Args:
        warn: called with one line for each plugin that is not loaded, and each part of one that is ignored.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._manager = pluggy.PluginManager("kaito")
        self._manager.add_hookspecs(hookspecs)
        self._by_module: dict[int, Plugin] = {}
        self._provided: dict[Plugin, list[str]] = {}
        self._faults: dict[Plugin, list[str]] = {}
        #: Hooks that raised: reported once and not called again.
        self._disabled: set[tuple[Plugin, str]] = set()
        self._request_callers: list[tuple[Plugin, Any]] | None = None
        self._has_reply_hooks: bool | None = None

    def load(self, found: Iterable[Found]) -> None:
        """Load plugins; one that fails does not affect the others.

        Raises:
            MissingPluginError: a plugin that the user named does not exist; it may be there to protect a secret.
        """
        for plugin, load in found:
            self._load(plugin, load)

    def add(self, module: Any, name: str, distribution: str, version: str) -> None:
        """Register a module, or any object with hooks, that is imported already."""
        self._load(Plugin(name, distribution, version), lambda: module)

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

    def note_provided(self, plugin: Plugin, what: str) -> None:
        """Record what a plugin provides, such as `flag --redact`, for its report."""
        self._provided[plugin].append(what)

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        self._provided[plugin] = []
        self._faults[plugin] = []
        try:
            module = load()
            hash(module)  # pluggy keeps plugins in sets
            if self._manager.is_registered(module) or self._manager.has_plugin(plugin.name):
                raise PluginError("it is loaded already")
        except MissingPluginError:
            raise
        except (Exception, SystemExit) as exc:
            self._not_loaded(plugin, exc)
            return
        try:
            self._manager.register(module, plugin.name)
            self._manager.check_pending()
            if not self._manager.get_hookcallers(module):
                raise PluginError("it implements no hook")
        except (Exception, SystemExit) as exc:
            if self._manager.is_registered(module):
                self._manager.unregister(module)
            self._not_loaded(plugin, exc)
            return
        self._by_module[id(module)] = plugin
        # The other hooks appear as what they provide.
        for caller in self._manager.get_hookcallers(module) or ():
            if caller.name in ("kaito_request", "kaito_reply"):
                self.note_provided(plugin, f"hook {caller.name}")

    def _not_loaded(self, plugin: Plugin, exc: BaseException) -> None:
        message = _message(exc)
        self._faults[plugin].append(message)
        self._warn(f"Plugin {plugin} was not loaded: {message}")

    def _fault(self, plugin: Plugin, message: str) -> None:
        """Report a part of a plugin that is ignored; the rest of the plugin works."""
        self._faults[plugin].append(message)
        self._warn(f"Plugin {plugin}: {message}; this is ignored")

    def guarding(self, plugin: Plugin, action: str) -> AbstractContextManager[None]:
        """Return a context for a plugin's code: its exceptions become a :class:`PluginError` that names the plugin.

        Raises:
            KaitoError: raised by the plugin on purpose; passed through.
            PluginError: the plugin raised anything else.
        """
        return _Guard(plugin, action)

    def _ask(self, hook: str, **arguments: Any) -> Iterator[tuple[Plugin, Any]]:
        """Call a hook on one plugin after the other; yield the results, and disable the hook where it raises."""
        for plugin, caller in self._callers(hook):
            if (plugin, hook) in self._disabled:
                continue
            try:
                results = caller(**arguments)
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"{hook}: {_message(exc)}")
                self._disabled.add((plugin, hook))
            else:
                if results:
                    yield plugin, results[0]

    def _callers(self, hook: str) -> list[tuple[Plugin, Any]]:
        registered = self._manager.get_plugins()
        return [
            (
                self._by_module[id(implementation.plugin)],
                self._manager.subset_hook_caller(
                    hook, [other for other in registered if other is not implementation.plugin]
                ),
            )
            for implementation in getattr(self._manager.hook, hook).get_hookimpls()
        ]

    def _collect(
        self, hook: str, kind: str, check: Callable[[Any], str], taken: Collection[str] = (), **arguments: Any
    ) -> dict[str, Offered[Any]]:
        """Return the objects that plugins offer through a hook, by name.

        Args:
            kind: such as `backend`, for messages.
            check: returns what is wrong with an object, or `""`.
        """
        offers: dict[str, Offered[Any]] = {}
        for plugin, result in self._ask(hook, **arguments):
            try:
                values = list(result)
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"{hook}: {_message(exc)}")
                continue
            for value in values:
                try:
                    name = value.name
                    wrong = check(value) if isinstance(name, str) and _NAME.fullmatch(name) else "is not a valid name"
                except (Exception, SystemExit) as exc:
                    self._fault(plugin, f"{hook}: {_message(exc)}")
                    continue
                if wrong:
                    self._fault(plugin, f"{hook}: {name!r} {wrong}")
                elif name in offers or name in taken:
                    owner = offers[name].plugin if name in offers else "kaito itself"
                    self._fault(plugin, f"{kind} '{name}' is already offered by {owner}")
                else:
                    offers[name] = Offered(plugin, value)
                    self.note_provided(plugin, f"{kind} {name}")
        return offers

    def add_options(self, command: str, groups: Callable[[Plugin], OptionGroup]) -> None:
        """Call `kaito_add_options`; `groups` creates the option group of one plugin."""
        for plugin, caller in self._callers("kaito_add_options"):
            try:
                caller(command=command, options=groups(plugin))
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"kaito_add_options: {_message(exc)}")

    def backends(self, settings: Settings) -> Mapping[str, Offered[Backend]]:
        """Return the backends by name."""
        check = _requires("discover", "open")
        return self._collect("kaito_backends", "backend", check, settings=settings)

    def formatters(self) -> Mapping[str, Offered[type[Formatter]]]:
        """Return the formatters by name."""
        check = _requires("feed", "finish")
        return self._collect(
            "kaito_formatters", "formatter", lambda value: check(value) if isinstance(value, type) else "is not a class"
        )

    def slash_commands(self, settings: Settings, taken: Collection[str] = ()) -> Mapping[str, Offered[SlashCommand]]:
        """Return the slash commands by name; names in `taken` are the shell's own."""

        def check(value: Any) -> str:
            if not isinstance(value, SlashCommand):
                return "is not a SlashCommand"
            return "" if callable(value.run) else "has a run that is not callable"

        return self._collect("kaito_slash_commands", "command", check, taken, settings=settings)

    def request(self, request: ChatRequest, settings: Settings) -> ChatRequest:
        """Return the request after every plugin's `kaito_request` has seen it.

        Raises:
            KaitoError: a plugin refuses the request.
            PluginError: a plugin failed; nothing may be sent.
        """
        if self._request_callers is None:
            self._request_callers = self._callers("kaito_request")
        for plugin, caller in self._request_callers:
            with self.guarding(plugin, "kaito_request; the message was not sent"):
                results = caller(request=request, settings=settings)
            if results:
                if not isinstance(results[0], ChatRequest):
                    raise PluginError(
                        f"Plugin {plugin} did not return a request from kaito_request; the message was not sent"
                    )
                request = results[0]
        return request

    def reply(self, request: ChatRequest, reply: Reply, settings: Settings) -> None:
        """Call `kaito_reply` with a complete reply."""
        if self._has_reply_hooks is None:
            self._has_reply_hooks = bool(self._manager.hook.kaito_reply.get_hookimpls())
        if self._has_reply_hooks:
            for _ in self._ask("kaito_reply", request=request, reply=reply, settings=settings):
                pass


class _Guard:
    """See :meth:`Plugins.guarding`. It runs for each piece of an answer: `contextlib.contextmanager` is slower."""

    def __init__(self, plugin: Plugin, action: str) -> None:
        self._plugin = plugin
        self._action = action

    def __enter__(self) -> None:
        # Tasks that the plugin creates inherit its name.
        self._before = running_plugin.get()
        running_plugin.set(self._plugin)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        running_plugin.set(self._before)
        if isinstance(exc, Exception | SystemExit) and not isinstance(exc, KaitoError):
            raise PluginError(f"Plugin {self._plugin} failed in {self._action}: {_message(exc)}") from exc


def create_plugins(*, warn: Callable[[str], None], allowed: str | None = None) -> Plugins:
    """Return a new manager with the built-in plugins, then the installed ones.

    Args:
        warn: called with one line for each plugin that is not loaded, and each part of one that is ignored.
        allowed: the value of `KAITO_PLUGINS`.
    """
    plugins = Plugins(warn)
    plugins.load(discovery.built_in())
    plugins.load(discovery.installed(allowed, warn))
    return plugins


def _requires(*methods: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        missing = [method for method in methods if not callable(getattr(value, method, None))]
        return f"lacks {' and '.join(missing)}" if missing else ""

    return check


def _message(exc: BaseException) -> str:
    # pluggy includes the module's repr, which repeats the plugin's name and path.
    text = re.sub(r" in plugin <module [^>]*>", "", " ".join(str(exc).split()))
    if isinstance(exc, KaitoError | pluggy.PluginValidationError):
        return text
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
