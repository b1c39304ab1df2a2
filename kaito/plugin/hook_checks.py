"""Decides which of a plugin's functions can be called as hooks. pluggy itself would refuse the whole plugin."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy
from msgspec import Struct

from kaito.util.suggest import did_you_mean

#: The hook whose plugins may remove secrets from what is sent.
REQUEST = "kaito_request"
#: Hooks that are called for what they do. A generator would do nothing until it is iterated.
_ACTING = ("kaito_add_options", REQUEST, "kaito_reply")


class Refusal(Struct, frozen=True):
    """A function of a plugin that is marked as a hook and cannot be called as one."""

    #: The hook that it implements, or most likely was meant to.
    hook: str
    reason: str


class HookManager(pluggy.PluginManager):
    """Registers plugins without the functions that cannot be called as hooks.

    Attributes:
        refused: those of the plugins, by the plugin's identity and the function's name.
    """

    def __init__(self) -> None:
        super().__init__("kaito")
        self.refused: dict[tuple[int, str], Refusal] = {}

    def check(self, module: object) -> list[Refusal]:
        """Return the hooks of a plugin that will be left out."""
        refusals = []
        for name in dir(module):
            options = super().parse_hookimpl_opts(module, name)
            if options is not None and (refusal := self._refusal(module, name, options)) is not None:
                self.refused[id(module), name] = refusal
                refusals.append(refusal)
        return refusals

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Return the options of a hook; `None` for one that is left out."""
        return None if (id(plugin), name) in self.refused else super().parse_hookimpl_opts(plugin, name)

    def _refusal(self, module: object, name: str, options: pluggy.HookimplOpts) -> Refusal | None:
        hook = options.get("specname") or name
        spec = getattr(getattr(self.hook, hook, None), "spec", None)
        if spec is None:
            if options.get("optionalhook"):
                return None
            near = did_you_mean(hook, [each for each in vars(self.hook) if each.startswith("kaito_")])
            return Refusal(near or hook, f"unknown hook '{hook}'" + (f", did you mean '{near}'?" if near else ""))
        function = getattr(module, name)
        if options.get("wrapper") or options.get("hookwrapper"):
            return Refusal(hook, f"{hook}: a wrapper is not possible; each plugin's hook is called by itself")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return Refusal(hook, f"{hook}: it is 'async def'; a hook must be a plain function, as it is not awaited")
        if hook in _ACTING and inspect.isgeneratorfunction(function):
            return Refusal(hook, f"{hook}: it is a generator, which would do nothing; return instead of yielding")
        if unknown := [argument for argument in _required(module, function, options) if argument not in spec.argnames]:
            known = ", ".join(spec.argnames)
            return Refusal(hook, f"{hook}: unknown argument '{unknown[0]}'; it may take {known or 'none'}")
        return None


def _required(module: object, function: Any, options: pluggy.HookimplOpts) -> list[str]:
    """Return the arguments that a function must get."""
    taken = pluggy.HookImpl(module, "", function, options).argnames
    parameters = inspect.signature(function).parameters.values()
    keywords = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty]
    return [*taken, *keywords]
