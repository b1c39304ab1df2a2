"""Decides which functions of a plugin can be called as hooks. pluggy would refuse the whole plugin instead."""

from __future__ import annotations

import inspect
from typing import Any

import pluggy
from msgspec import Struct

from kaito.util.suggest import did_you_mean

#: The hook whose plugins may remove secrets from what is sent.
REQUEST = "kaito_request"
#: Hooks that are called for their effect, so that they cannot be generators: nothing iterates over the result.
_ACTING = ("kaito_add_options", REQUEST, "kaito_reply")


class Refusal(Struct, frozen=True):
    """A function that a plugin marks as a hook, but that cannot be called as one."""

    #: The hook that it implements, or was probably meant to implement.
    hook: str
    reason: str


class HookManager(pluggy.PluginManager):
    """Registers plugins without the functions that cannot be called as hooks.

    Attributes:
        refused: the functions that are left out, by the `id()` of the plugin and the function's name.
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
    """Return the names of the arguments that a function requires."""
    taken = pluggy.HookImpl(module, "", function, options).argnames
    parameters = inspect.signature(function).parameters.values()
    keywords = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty]
    return [*taken, *keywords]
