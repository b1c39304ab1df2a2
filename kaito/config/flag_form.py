"""Turns values of TOML and of environment variables into the texts that a flag takes on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from kaito.errors import UsageError
from kaito.options import parsers
from kaito.options.option import Scope
from kaito.options.prompts import names_file
from kaito.util.decoding import DecodeError, decode_json


class FlagForm(Struct, frozen=True, kw_only=True):
    """A flag as the configuration sees it."""

    #: The name in the file: the long flag without dashes, and without the `no-` of a switch that turns something off.
    key: str
    #: The long flag.
    flag: str
    kind: Literal["value", "switch", "optional"] = "value"
    #: Whether the flag turns something off, so that its presence means `false`.
    inverted: bool = False
    repeatable: bool = False
    #: The placeholder for the value in the help, such as `FILE` or `TEXT|@FILE`.
    metavar: str = ""
    #: Values of a flag for files that are not file names, such as `none`.
    words: tuple[str, ...] = ()
    scope: Scope = "command"

    @property
    def takes_json(self) -> bool:
        """Whether a list or a table can be given as JSON."""
        return "JSON" in self.metavar.split("|")


#: The value of a flag: whether a switch is on, or the texts that it is given with. `None` is a flag without its value.
Given = bool | tuple[str | None, ...]


def from_toml(form: FlagForm, value: Any, folder: Path) -> Given:
    """Return the value that the file gives a flag.

    Args:
        folder: relative file names start there.

    Raises:
        ValueError: it has another type. The message says what is expected.
    """
    if form.kind == "switch":
        if not isinstance(value, bool):
            raise ValueError("is not true or false")
        return value
    if form.kind == "optional" and isinstance(value, bool):
        return (None,) if value else ()
    if form.repeatable and isinstance(value, list):
        return tuple(_text(form, each, folder) for each in value)
    return (_text(form, value, folder),)


def _text(form: FlagForm, value: Any, folder: Path) -> str:
    if isinstance(value, str):
        return _resolved(form, value, folder)
    if form.takes_json and isinstance(value, list | dict):
        import json

        try:
            # msgspec would write null for a number that JSON does not have.
            return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("has a value that JSON does not have") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool) and {"on", "off"} <= {*form.metavar.split("|")}:
        return "on" if value else "off"
    wanted = "text or a list of texts" if form.repeatable else "text or a number"
    raise ValueError(f"is not {wanted}" + (", or a list or a table as JSON" if form.takes_json else ""))


def _resolved(form: FlagForm, value: str, folder: Path) -> str:
    """Return a value with a relative file name resolved against the folder of `config.toml`."""
    forms = form.metavar.split("|")
    if "@FILE" in forms and names_file(value) and value != "@":
        return f"@{_path(value[1:], folder)}"
    if "FILE" not in forms or not value or value in form.words:
        return value
    is_name = len(forms) > 1 and os.sep not in value and not value.endswith((".py", ".yaml", ".yml"))
    return value if is_name else _path(value, folder)


def _path(name: str, folder: Path) -> str:
    try:
        return str(folder / Path(name).expanduser())
    except (RuntimeError, ValueError):  # an unknown user's home
        return name


def from_variable(form: FlagForm, value: str) -> Given:
    """Return the value that an environment variable gives a flag.

    Raises:
        ValueError: it is not valid. The message says what is expected.
    """
    on = parsers.on_or_off(value)
    if form.kind == "switch":
        if on is None:
            raise ValueError("is not on or off")
        return on
    # `--wait=1` has the value 1.
    if form.kind == "optional" and on is not None and not value.strip().isdecimal():
        return (None,) if on else ()
    if form.repeatable and value.startswith("["):
        try:
            return tuple(decode_json(value, list[str]))
        except DecodeError:
            raise ValueError("is not a value, or a JSON list of texts") from None
    return (value,)


def is_on(name: str, value: str | None) -> bool:
    """Return whether a variable turns its switch on.

    Raises:
        UsageError: its value is neither on nor off.
    """
    if not value:
        return False
    try:
        return bool(from_variable(_SWITCH, value))
    except ValueError as exc:
        raise UsageError(f"{name}: '{value}' {exc}") from None


_SWITCH = FlagForm(key="", flag="", kind="switch")


def variable_names(form: FlagForm, command: str) -> Sequence[str]:
    """Return the environment variables of a flag, in order of precedence.

    Args:
        command: the subcommand.
    """
    own = command_prefix(command) + form.key.upper().replace("-", "_")
    return [own, shared_variable(form.key)] if form.scope == "shared" else [own]


def shared_variable(key: str) -> str:
    """Return the environment variable of a flag for all commands."""
    return f"KAITO_{key}".upper().replace("-", "_")


def command_prefix(command: str) -> str:
    """Return the beginning of the environment variables for one command, such as `KAITO_GET_ENDPOINT_`."""
    return f"{shared_variable(command)}_"
