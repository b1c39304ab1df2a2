"""The plugin manager: a typed method for every hook, which calls each plugin's implementation separately.

A plugin that fails is reported by name and left out; its exceptions are not passed on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy
from msgspec import Struct

from kaito.errors import KaitoError, PluginError
from kaito.plugin import discovery
from kaito.plugin.discovery import Plugin
from kaito.plugin.entry_points import allowed_names
from kaito.plugin.hook_checks import REQUEST
from kaito.plugin.isolation import Attempt, Isolation
from kaito.plugin.registry import Registry
from kaito.settings import Settings
from kaito.types import ChatRequest, Command, OptionGroup, Reply, SlashCommand
from kaito.types.message_checks import checked_messages

if TYPE_CHECKING:
    from kaito.hookspecs import Backend, Formatter

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9-]*")
#: The formats that a subcommand may offer for `-o`, in addition to `plain`.
_OUTPUTS = frozenset({"text", "json", "yaml", "wide", "markdown", "html", "name", "url"})
#: What a plugin offers, by its kind in messages.
_OFFERED = {
    "backend": "a Backend",
    "formatter": "a subclass of Formatter",
    "subcommand": "a Command",
    "command": "a SlashCommand",
}


class Offered(Struct, Generic[T], frozen=True):
    """An object together with the plugin that offers it."""

    plugin: Plugin
    value: T


class Plugins(Registry):
    """Calls the hooks of the loaded plugins one by one, and isolates their failures; see :class:`Registry`."""

    def __init__(self, warn: Callable[[str], None], trace: Callable[[str], None] | None = None) -> None:
        super().__init__(warn, trace)
        #: Hooks that raised: reported once and not called again.
        self._disabled: set[tuple[Plugin, str]] = set()
        self._request_hooks: list[tuple[Plugin, pluggy.HookImpl]] | None = None
        self._reply_hooks: list[tuple[Plugin, pluggy.HookImpl]] | None = None

    def _call(self, plugin: Plugin, function: pluggy.HookImpl, arguments: Mapping[str, Any]) -> Any:
        """Call one implementation with the arguments that it takes. Its exceptions are not caught."""
        if (settings := arguments.get("settings")) is not None:
            arguments = {**arguments, "settings": self.settings_for(plugin, settings)}
        return function.function(*[arguments[name] for name in function.argnames])

    def _ask(self, hook: str, **arguments: Any) -> Iterator[tuple[Plugin, Sequence[Any]]]:
        """Call a hook on one plugin after the other, and yield the objects that each offers.

        A hook that fails is not called again.
        """
        for plugin, function in self._implementations(hook):
            if (plugin, hook) in self._disabled:
                continue
            started = time.perf_counter()
            offered: Sequence[Any] = ()
            with self.attempt(plugin, hook) as attempt:
                result = self._call(plugin, function, arguments)
                offered = () if result is None else _listed(result)
            if attempt.failed:
                self._disabled.add((plugin, hook))
            self._traced(plugin, hook, started, ", ".join(str(getattr(each, "name", "?")) for each in offered))
            yield plugin, offered

    def _collect(
        self, hook: str, kind: str, check: Callable[[Any], str], taken: Collection[str] = (), **arguments: Any
    ) -> dict[str, Offered[Any]]:
        """Return the objects that plugins offer through a hook, by name.

        Args:
            hook: the name of the hook.
            kind: such as `backend`, for messages.
            check: returns what is wrong with an object, or `""`.
            taken: names that plugins cannot use.
            arguments: those of the hook.
        """
        offers: dict[str, Offered[Any]] = {}
        for plugin, values in self._ask(hook, **arguments):
            for value in values:
                with self.attempt(plugin, hook) as attempt:
                    if not hasattr(value, "name"):
                        raise TypeError(f"{_shown_type(value)} has no name; each must be {_OFFERED[kind]}")
                    name = value.name
                    is_name = isinstance(name, str) and _NAME.fullmatch(name)
                    wrong = check(value) if is_name else "is not a valid name"
                if attempt.failed:
                    continue
                if wrong:
                    self.report_fault(plugin, f"{hook}: {name!r} {wrong}")
                elif name in offers or name in taken:
                    owner = offers[name].plugin if name in offers else "kaito itself"
                    self.report_fault(plugin, f"{kind} '{name}' is already offered by {owner}")
                else:
                    offers[name] = Offered(plugin, value)
                    about = getattr(value, "about", None) if kind == "backend" else None
                    self.note_provided(plugin, f"{kind} {name}" + (f" ({about})" if isinstance(about, str) else ""))
        return offers

    def add_options(self, command: str, groups: Callable[[Plugin], OptionGroup]) -> None:
        """Call `kaito_add_options`; `groups` creates the option group of one plugin."""
        for plugin, function in self._implementations("kaito_add_options"):
            started = time.perf_counter()
            with self.attempt(plugin, "kaito_add_options"):
                self._call(plugin, function, {"command": command, "options": groups(plugin)})
            self._traced(plugin, "kaito_add_options", started)

    def backends(self, settings: Settings) -> Mapping[str, Offered[Backend]]:
        """Return the backends by name."""
        lacks = _requires("discover", "open")

        def check(value: Any) -> str:
            if isinstance(value, type):
                return "is a class; return an object of it"
            return lacks(value)

        return self._collect("kaito_backends", "backend", check, {"auto"}, settings=settings)

    def formatters(self) -> Mapping[str, Offered[type[Formatter]]]:
        """Return the formatters by name."""
        lacks = _requires("feed", "finish")

        def check(value: Any) -> str:
            if not isinstance(value, type):
                return "is not a class"
            asynchronous = [
                name for name in ("feed", "finish", "fail") if iscoroutinefunction(getattr(value, name, None))
            ]
            return f"has a {asynchronous[0]} that is 'async def'" if asynchronous else lacks(value)

        return self._collect("kaito_formatters", "formatter", check)

    def subcommands(self, taken: Collection[str] = ()) -> Mapping[str, Offered[Command]]:
        """Return the subcommands of the loaded plugins by name; names in `taken` are kaito's own."""

        def check(value: Any) -> str:
            if not isinstance(value, Command):
                return "is not a Command"
            if iscoroutinefunction(value.run):
                return "has a run that is 'async def'; call context.wait(coroutine) in a plain function"
            outputs: Any = value.outputs
            if isinstance(outputs, str) or not set(outputs) <= _OUTPUTS:
                return f"has outputs that are not a tuple of {', '.join(sorted(_OUTPUTS))}"
            return "" if callable(value.run) else "has a run that is not callable"

        return self._collect("kaito_commands", "subcommand", check, taken)

    def slash_commands(self, settings: Settings, taken: Collection[str] = ()) -> Mapping[str, Offered[SlashCommand]]:
        """Return the slash commands by name; names in `taken` are the shell's own."""

        def check(value: Any) -> str:
            if not isinstance(value, SlashCommand):
                return "is not a SlashCommand"
            if iscoroutinefunction(value.run):
                return "has a run that is 'async def'; it must be a plain function"
            if iscoroutinefunction(value.complete):
                return "has a complete that is 'async def'; it must be a plain function"
            return "" if callable(value.run) else "has a run that is not callable"

        return self._collect("kaito_slash_commands", "command", check, taken, settings=settings)

    def request(self, request: ChatRequest, settings: Settings) -> ChatRequest:
        """Return the request after every plugin's `kaito_request` has seen it.

        Raises:
            KaitoError: a plugin refuses the request.
            PluginError: a plugin failed; nothing may be sent.
        """
        if self._request_hooks is None:
            self.check_protection()
            self._turn_begun = True
            self._request_hooks = self._implementations(REQUEST)
        for plugin, function in self._request_hooks:
            started = time.perf_counter()
            with Isolation(plugin, f"{REQUEST}; the message was not sent"):
                result = self._call(plugin, function, {"request": request, "settings": settings})
                if isinstance(result, ChatRequest):
                    checked_messages(result.messages)
            if result is not None and not isinstance(result, ChatRequest):
                raise PluginError(f"Plugin {plugin} did not return a request from {REQUEST}; the message was not sent")
            if self._trace is not None:  # comparing a long conversation takes time
                changed = result is not None and result != request
                self._traced(
                    plugin, REQUEST, started, "changed the request" if changed else "left the request unchanged"
                )
            request = request if result is None else result
        return request

    def reply(self, request: ChatRequest, reply: Reply, settings: Settings) -> None:
        """Call `kaito_reply` with an answer that the conversation keeps."""
        if self._reply_hooks is None:
            self._reply_hooks = self._implementations("kaito_reply")
        for plugin, function in list(self._reply_hooks):
            started = time.perf_counter()
            with Attempt(plugin, partial(self._report_blind, plugin)) as attempt:
                self._call(plugin, function, {"request": request, "reply": reply, "settings": settings})
            self._traced(plugin, "kaito_reply", started)
            if attempt.failed:
                self._reply_hooks.remove((plugin, function))

    def _report_blind(self, plugin: Plugin, exc: BaseException) -> None:
        """Report why a plugin sees no further answers. The message of a `KaitoError` is shown unchanged."""
        if not isinstance(exc, KaitoError):
            self._report_raised(plugin, "kaito_reply", exc)
            return
        self._faults[plugin].append(exc.message)
        self._warn(f"Plugin {plugin}: {exc.message}; it sees no further answers")
        for hint in exc.shown_hints():
            self._warn(f"   {hint}")


def create_plugins(
    *, warn: Callable[[str], None], allowed: str | None = None, trace: Callable[[str], None] | None = None
) -> Plugins:
    """Return a new manager with the built-in plugins, then the installed ones.

    Args:
        warn: called with one line for each plugin that is not loaded, and each part of one that is ignored.
        allowed: the value of `KAITO_PLUGINS`.
        trace: see :class:`Registry`.
    """
    plugins = Plugins(warn, trace)
    plugins.load(discovery.built_in())
    names = allowed_names(allowed)
    if names is None or names:
        plugins.load(discovery.installed(names))
    for name in discovery.missing(names or ()):
        warn(f"KAITO_PLUGINS: plugin '{name}' is not installed")
    return plugins


def _requires(*methods: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        # Methods that a subclass inherits from the protocol are not implemented.
        inherited = getattr(value, "__abstractmethods__", ())
        missing = [name for name in methods if name in inherited or not callable(getattr(value, name, None))]
        return f"lacks {' and '.join(missing)}" if missing else ""

    return check


def _listed(result: object) -> Sequence[Any]:
    """Return the result of a hook as a list.

    Raises:
        TypeError: the hook returned something else, such as a class.
    """
    if isinstance(result, type) or not isinstance(result, Iterable):
        raise TypeError(f"it must return a list, not {_shown_type(result)}")
    return list(result)


def _shown_type(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
