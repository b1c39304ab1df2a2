"""The settings of a session: `/set` changes them, and each request is built from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kaito.errors import ModelError, UsageError
from kaito.options import parsers
from kaito.options.table import CONVERSATION, SETTINGS
from kaito.settings import Settings
from kaito.types import ChatRequest, Message
from kaito.util.suggest import did_you_mean

#: Shown for a field that is not sent, so that the server's own default applies.
NOT_SENT = "(not sent)"

#: Names that other chat programs use, and what has a command of its own here.
_OTHER_NAMES = {"system": "/system", "model": "/model", "history": "/history", "parameter": "/set NAME VALUE"}


class SessionSettings:
    """The settings of one session, with `/set`'s names and texts.

    Attributes:
        current: what holds now. Each change replaces it.

    Raises:
        UsageError: there is no formatter of the name that `--output` gives.
    """

    def __init__(self, settings: Settings, formats: Sequence[str]) -> None:
        self.current = self._initial = settings
        self._formats = tuple(formats)
        self._extra = _extra_fields(settings)
        parsers.one_of(*formats)("--output")(settings.output)

    def request(self, messages: tuple[Message, ...], model: str | None) -> ChatRequest:
        """Return a request with the sampling parameters that hold now."""
        current = self.current
        return ChatRequest(
            messages=messages,
            model=model,
            temperature=current.temperature,
            top_p=current.top_p,
            max_tokens=current.max_tokens,
            stream=current.stream,
            extra=self._extra,
        )

    @property
    def shown(self) -> Mapping[str, str]:
        """The values by name, as `/set` shows them."""
        return {name: _text(getattr(self.current, option.dest)) for name, option in SETTINGS.items()}

    @property
    def changed(self) -> Mapping[str, str]:
        """The values that differ from the defaults, except those that `status` shows anyway."""
        defaults = Settings()
        return {
            name: _text(value)
            for name, option in SETTINGS.items()
            if option not in CONVERSATION
            and (value := getattr(self.current, option.dest)) != getattr(defaults, option.dest)
        }

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the allowed values of a setting, when they can be listed.

        Raises:
            UsageError: there is no such setting.
        """
        _check_name(name)
        return self._formats if name == "format" else SETTINGS[name].choices

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; `None` restores its value from the start of the session.

        Raises:
            UsageError: there is no such setting, or the value is not allowed.
        """
        _check_name(name)
        option = SETTINGS[name]
        if value is None:
            parsed: Any = getattr(self._initial, option.dest)
        else:
            factory = parsers.one_of(*self._formats) if name == "format" else option.parse_setting or option.parse
            assert factory is not None, name
            parsed = factory(name)(value)
        self.current = replace(self.current, **{option.dest: parsed})
        self._extra = _extra_fields(self.current)

    def advice(self, error: ModelError) -> tuple[str, ...]:
        """Return hints for a server that refuses one of the fields that not all servers know."""
        # The server's message names a field in its own spelling; `top_k` does not occur in `stop_knob`.
        words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in error.message).split()
        return tuple(
            f"'/set {name} {parsers.DEFAULT}' leaves the choice to the server"
            for name, option in SETTINGS.items()
            if option.request == "extra" and option.dest in words and option.dest in self._extra
        )


def _extra_fields(settings: Settings) -> Mapping[str, Any]:
    values = {option.dest: getattr(settings, option.dest) for option in SETTINGS.values() if option.request == "extra"}
    return {name: value for name, value in values.items() if value is not None}


def _check_name(name: str) -> None:
    if name not in SETTINGS:
        meant = _OTHER_NAMES.get(name) or did_you_mean(name, SETTINGS)
        raise UsageError(f"Unknown setting '{name}'", f"Did you mean {meant}?" if meant else "/set shows all settings")


def _text(value: Any) -> str:
    if value is None:
        return NOT_SENT
    if isinstance(value, bool):
        return "on" if value else "off"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)
