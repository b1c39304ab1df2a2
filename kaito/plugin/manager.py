"""The plugins that take part: each loaded by itself, and a typed function for every hook to ask them.

What a plugin does wrong costs that plugin, never the shell: this module is where its exceptions end.
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
from kaito.plugin import discovery
from kaito.plugin.discovery import Found, MissingPluginError, Plugin
from kaito.settings import Settings
from kaito.types import ChatRequest, OptionGroup, Reply, SlashCommand

if TYPE_CHECKING:
    from kaito.hookspecs import Backend, Formatter

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Offered(Struct, Generic[T], frozen=True):
    """Something a plugin offers, and whose it is."""

    plugin: Plugin
    value: T


class Plugins:
    """The plugins that take part.

    Args:
        warn: told, in one line, of each plugin that is left out.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        #: All that was found, whether it loaded or not.
        self.found: list[Plugin] = []
        self._warn = warn
        self._manager = pluggy.PluginManager("kaito")
        self._manager.add_hookspecs(hookspecs)
        self._by_module: dict[int, Plugin] = {}
        #: Hooks that raised, by plugin: they are told of once and not called again.
        self._silenced: set[tuple[int, str]] = set()
        self._request_callers: list[tuple[Plugin, Any]] | None = None
        self._listens_to_replies: bool | None = None

    def load(self, found: Iterable[Found]) -> None:
        """Load plugins, each by itself.

        Raises:
            MissingPluginError: one that was asked for does not exist; it may be there to keep a secret.
        """
        for plugin, load in found:
            self._load(plugin, load)

    def add(self, module: Any, name: str, distribution: str, version: str) -> None:
        """Take part with a module, or any object with hooks, that is at hand already."""
        self._load(Plugin(name, distribution, version), lambda: module)

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        self.found.append(plugin)
        try:
            module = load()
            hash(module)  # pluggy keeps sets of them
            if self._manager.is_registered(module) or self._manager.has_plugin(plugin.name):
                raise PluginError("it is loaded already")
        except MissingPluginError:
            raise
        except (Exception, SystemExit) as exc:
            self._fault(plugin, _words(exc))
            return
        try:
            self._manager.register(module, plugin.name)
            self._manager.check_pending()
            if not self._manager.get_hookcallers(module):
                raise PluginError("it implements no hook")
        except (Exception, SystemExit) as exc:
            if self._manager.is_registered(module):
                self._manager.unregister(module)
            self._fault(plugin, _words(exc))
            return
        plugin.loaded = True
        self._by_module[id(module)] = plugin
        hooks = [caller.name for caller in self._manager.get_hookcallers(module) or ()]
        # The other hooks show in what they provide.
        plugin.provides += [f"hook {name}" for name in hooks if name in ("kaito_request", "kaito_reply")]

    def _fault(self, plugin: Plugin, words: str) -> None:
        plugin.faults.append(words)
        self._warn(f"Plugin {plugin} is skipped: {words}")

    def guarding(self, plugin: Plugin, doing: str) -> AbstractContextManager[None]:
        """Run a plugin's own code: what it raises becomes a :class:`PluginError` that names it.

        Raises:
            KaitoError: raised by the plugin on purpose; it passes as it is.
            PluginError: anything else that it raised.
        """
        return _Guard(plugin, doing)

    def _ask(self, hook: str, **arguments: Any) -> Iterator[tuple[Plugin, Any]]:
        """Call a hook on one plugin after the other, and skip those that raise."""
        for plugin, caller in self._callers(hook):
            if (id(plugin), hook) in self._silenced:
                continue
            try:
                results = caller(**arguments)
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"{hook}: {_words(exc)}")
                self._silenced.add((id(plugin), hook))
            else:
                if results:
                    yield plugin, results[0]

    def _callers(self, hook: str) -> list[tuple[Plugin, Any]]:
        everybody = self._manager.get_plugins()
        return [
            (
                self._by_module[id(implementation.plugin)],
                self._manager.subset_hook_caller(hook, [one for one in everybody if one is not implementation.plugin]),
            )
            for implementation in getattr(self._manager.hook, hook).get_hookimpls()
        ]

    def _collect(
        self, hook: str, kind: str, check: Callable[[Any], str], taken: Collection[str] = (), **arguments: Any
    ) -> dict[str, Offered[Any]]:
        """Gather what a hook's implementations offer, by name.

        `check` returns what is wrong with one, or `""`; names that are `taken` are not to be had.
        """
        offers: dict[str, Offered[Any]] = {}
        for plugin, result in self._ask(hook, **arguments):
            try:
                values = list(result)
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"{hook}: {_words(exc)}")
                continue
            for value in values:
                try:
                    name = value.name
                    wrong = check(value) if isinstance(name, str) and _NAME.fullmatch(name) else "is no proper name"
                except (Exception, SystemExit) as exc:
                    self._fault(plugin, f"{hook}: {_words(exc)}")
                    continue
                if wrong:
                    self._fault(plugin, f"{hook}: {name!r} {wrong}")
                elif name in offers or name in taken:
                    owner = offers[name].plugin if name in offers else "kaito itself"
                    self._fault(plugin, f"{kind} '{name}' is offered by {owner} already")
                else:
                    offers[name] = Offered(plugin, value)
                    plugin.provides.append(f"{kind} {name}")
        return offers

    def add_options(self, command: str, groups: Callable[[Plugin], OptionGroup]) -> None:
        """Let plugins add options; `groups` makes the place where one plugin's go."""
        for plugin, caller in self._callers("kaito_add_options"):
            try:
                caller(command=command, options=groups(plugin))
            except (Exception, SystemExit) as exc:
                self._fault(plugin, f"kaito_add_options: {_words(exc)}")

    def backends(self, settings: Settings) -> Mapping[str, Offered[Backend]]:
        """Return the backends by name."""
        check = _requires("discover", "open")
        return self._collect("kaito_backends", "backend", check, settings=settings)

    def formatters(self) -> Mapping[str, Offered[type[Formatter]]]:
        """Return the formatters by name."""
        check = _requires("feed", "finish")
        return self._collect(
            "kaito_formatters", "formatter", lambda value: check(value) if isinstance(value, type) else "is no class"
        )

    def slash_commands(self, settings: Settings, taken: Collection[str] = ()) -> Mapping[str, Offered[SlashCommand]]:
        """Return the slash commands by name; those that are `taken` are the shell's own."""

        def check(value: Any) -> str:
            if not isinstance(value, SlashCommand):
                return "is no SlashCommand"
            return "" if callable(value.run) else "cannot be called"

        return self._collect("kaito_slash_commands", "command", check, taken, settings=settings)

    def request(self, request: ChatRequest, settings: Settings) -> ChatRequest:
        """Return the request as the plugins want it sent.

        Raises:
            KaitoError: a plugin refuses it.
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
                        f"Plugin {plugin} returned no request from kaito_request; the message was not sent"
                    )
                request = results[0]
        return request

    def reply(self, request: ChatRequest, reply: Reply, settings: Settings) -> None:
        """Show a complete reply to the plugins."""
        if self._listens_to_replies is None:
            self._listens_to_replies = bool(self._manager.hook.kaito_reply.get_hookimpls())
        if self._listens_to_replies:
            for _ in self._ask("kaito_reply", request=request, reply=reply, settings=settings):
                pass


class _Guard:
    """A class: `contextlib.contextmanager` costs several times as much, and this is around each piece of an answer."""

    def __init__(self, plugin: Plugin, doing: str) -> None:
        self._plugin = plugin
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(exc, Exception | SystemExit) and not isinstance(exc, KaitoError):
            raise PluginError(f"Plugin {self._plugin} failed in {self._doing}: {_words(exc)}") from exc


def create_plugins(*, warn: Callable[[str], None], allowed: str | None = None) -> Plugins:
    """Return a fresh set of plugins: the built-in ones, then the installed ones.

    Args:
        warn: told of each plugin that is left out.
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


def _words(exc: BaseException) -> str:
    # pluggy names the module by its repr, which repeats the plugin's name and path.
    text = re.sub(r" in plugin <module [^>]*>", "", " ".join(str(exc).split()))
    if isinstance(exc, KaitoError | pluggy.PluginValidationError):
        return text
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
