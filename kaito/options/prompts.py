"""System prompts as text or as files, and the variables of these files: `{{KEY}}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from kaito.errors import UsageError
from kaito.options.flag_values import read_file, text
from kaito.util.suggest import did_you_mean

#: The name of variables in the configuration, and their flag on the command line.
VARIABLE_KEY = "variable"
VARIABLE_FLAG = f"--{VARIABLE_KEY}"

#: The most variables that a remark names.
_NAMED = 3
_KEY = "[A-Za-z_][A-Za-z0-9_-]*"
_PLACE = re.compile(r"\{\{[ \t]*(" + _KEY + r")[ \t]*\}\}")


class Prompt(Struct, frozen=True):
    """A system prompt as it was given."""

    text: str
    #: The file that it was read from; `""` for none. Only a file has variables.
    file: str = ""


def names_file(value: str) -> bool:
    """Return whether a value is `@FILE`, the name of a file. `@@text` is text that begins with `@`."""
    return value.startswith("@") and not value.startswith("@@")


def prompt(name: str) -> Callable[[str], Prompt]:
    """Return a parser of system prompts: text, or `@FILE`. `@@text` is text that begins with `@`."""

    def parse(value: str) -> Prompt:
        if not names_file(value):
            return Prompt(text(name)(value[1:] if value.startswith("@@") else value))
        content = read_file(name, value[1:]).removeprefix("\N{BYTE ORDER MARK}").replace("\r\n", "\n").rstrip("\n")
        if not content.strip():
            raise UsageError(f"{name}: '{value[1:]}' is empty")
        return Prompt(content, value[1:])

    return parse


def variable(name: str) -> Callable[[str], tuple[str, str]]:
    """Return a parser of `KEY=VALUE`."""

    def parse(value: str) -> tuple[str, str]:
        key, equals, content = value.partition("=")
        if not equals or not re.fullmatch(_KEY, key):
            from kaito.util.secret_names import without_secret

            shown = without_secret(value)
            raise UsageError(f"{name}: '{shown}' is not KEY=VALUE, where KEY has letters, digits, '-' and '_'")
        return key, text(name)(content)

    return parse


def filled(name: str, given: Prompt, variables: Mapping[str, str], required: Collection[str] = ()) -> str:
    """Return the text of a system prompt with the values of its variables.

    When no variables are given, the text is unchanged; :func:`unfilled` then returns a remark for the user.

    Args:
        name: the flag or setting to show in errors.
        given: the system prompt.
        variables: the values by their names.
        required: variables that the prompt must have.

    Raises:
        UsageError: a variable of the prompt has no value, or the prompt lacks a required one.
    """
    if not given.file or not variables:
        if required:
            raise UsageError(f"{VARIABLE_FLAG}: needs a system prompt that is a file", "Use --system-prompt @FILE")
        return given.text
    places = list(_PLACE.finditer(given.text))
    keys = {place[1] for place in places}
    if unused := next((key for key in required if key not in keys), None):
        near = did_you_mean(unused, keys)
        hint = f"Did you mean {near}?" if near else f"It has {', '.join(sorted(keys)) or 'no variables'}"
        raise UsageError(f"{VARIABLE_FLAG}: '{given.file}' has no {{{{{unused}}}}}", hint)
    if missing := next((place for place in places if place[1] not in variables), None):
        line = given.text.count("\n", 0, missing.start()) + 1
        raise UsageError(
            f"{name}: '{given.file}', line {line}: {{{{{missing[1]}}}}} has no value",
            f"Add {VARIABLE_FLAG} {missing[1]}=VALUE; values are given for {', '.join(sorted(variables))}",
        )
    return _PLACE.sub(lambda place: variables[place[1]], given.text)


def unfilled(given: Prompt, variables: Mapping[str, str]) -> str:
    """Return a remark on the `{{KEY}}` that are sent unchanged because no variables are given; `""` for none.

    This is not an error: a prompt may have braces of its own.
    """
    if not given.file or variables:
        return ""
    keys = [*dict.fromkeys(place[1] for place in _PLACE.finditer(given.text))]
    if not keys:
        return ""
    names = ", ".join(f"{{{{{key}}}}}" for key in keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "")
    return f"'{given.file}' is sent with {names} unchanged; {VARIABLE_FLAG} {keys[0]}=VALUE gives a value"
