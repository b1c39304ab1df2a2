"""The settings of a session: `/set` changes them, and each request is built from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kaito.errors import ModelError, ShellHint, UsageError
from kaito.options import parsers, request_values
from kaito.options.table import CONVERSATION, SETTINGS
from kaito.plugin.distributions import install_hints
from kaito.plugin.option_values import PluginSetting
from kaito.settings import Settings
from kaito.types import ChatRequest, Message, ResponseSchema
from kaito.util.program import program_name
from kaito.util.suggest import did_you_mean

#: Shown for a field that is not sent, so that the server's own default applies.
NOT_SENT = "(not sent)"

#: The arguments that switch reasoning in chat templates: of Qwen, GLM and Gemma, and of DeepSeek and Granite.
_THINKING = ("enable_thinking", "thinking")
_TEMPLATE = "chat_template_kwargs"

#: Hints for names of settings in other chat programs that are not settings here.
_OTHER_NAMES = {
    "system": ShellHint("Did you mean /system?", "Did you mean --system-prompt?"),
    "model": ShellHint("Did you mean /model?", "Did you mean --model?"),
    "history": ShellHint("Did you mean /history?"),
    "parameter": ShellHint("Did you mean /set NAME VALUE?"),
}
_ALL_SETTINGS = ShellHint("/set shows all settings", f"The settings are flags, too; see '{program_name()} chat --help'")


class SessionSettings:
    """The settings of one session, with `/set`'s names and texts.

    Attributes:
        current: the settings that apply now. Each change replaces them.

    Args:
        formats: the names of the formatters.
        of_plugins: the options of plugins that `/set` can change, by name.

    Raises:
        UsageError: `--output` names a formatter that does not exist.
    """

    def __init__(
        self, settings: Settings, formats: Sequence[str], of_plugins: Mapping[str, PluginSetting] | None = None
    ) -> None:
        self.current = self._initial = settings
        self._of_plugins = of_plugins or {}
        self._initial_of_plugins = {name: setting.value for name, setting in self._of_plugins.items()}
        self._formats = tuple(formats)
        self._extra = _extra_fields(settings)
        try:
            parsers.one_of(*formats)("--output")(settings.output)
        except UsageError as exc:
            raise UsageError(exc.message, *exc.hints, *install_hints(settings.output)) from None

    def request(self, messages: tuple[Message, ...], model: str | None) -> ChatRequest:
        """Return a request with the current sampling parameters."""
        current = self.current
        return ChatRequest(
            messages=messages,
            model=model,
            temperature=current.temperature,
            top_p=current.top_p,
            max_tokens=self._max_tokens,
            stream=current.stream,
            extra=self._extra,
        )

    @property
    def _max_tokens(self) -> int | None:
        """The most tokens of an answer. That of `--extra-body` counts too, as the client may have to lower it."""
        wanted = self.current.body.get(_MAX_TOKENS, self.current.max_tokens)
        return wanted if isinstance(wanted, int) else None

    @property
    def shown(self) -> Mapping[str, str]:
        """The values by name, as `/set` shows them."""
        return {
            **{name: _text(getattr(self.current, option.dest)) for name, option in SETTINGS.items()},
            **{name: _text(setting.value) for name, setting in self._of_plugins.items()},
            **_body_texts(self.current),
        }

    @property
    def changed(self) -> Mapping[str, str]:
        """The values that differ from the defaults, except those that `status` shows anyway."""
        defaults = Settings()
        changed = {
            name: _text(value)
            for name, option in SETTINGS.items()
            if option not in CONVERSATION
            and (value := getattr(self.current, option.dest)) != getattr(defaults, option.dest)
        }
        of_plugins = {
            name: _text(setting.value)
            for name, setting in self._of_plugins.items()
            if setting.value != self._initial_of_plugins[name]
        }
        return {**changed, **of_plugins, **_body_texts(self.current)}

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the allowed values of a setting, when they can be listed.

        Raises:
            UsageError: there is no such setting.
        """
        self._check_name(name)
        if _is_field(name):
            return ()
        if name in self._of_plugins:
            return self._of_plugins[name].choices
        return self._formats if name == "format" else SETTINGS[name].choices

    def takes_file(self, name: str, value: str | None) -> bool:
        """Return whether a value for a setting is the name of a file."""
        return name in SETTINGS and SETTINGS[name].touches_files and value not in (None, *SETTINGS[name].choices)

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; `None` restores its value from the start of the session.

        Raises:
            UsageError: there is no such setting, or the value is not allowed.
        """
        self._check_name(name)
        if _is_field(name):
            self._set_field(name, value)
            return
        if (setting := self._of_plugins.get(name)) is not None:
            setting.change(self._initial_of_plugins[name] if value is None else setting.parse(value))
            # A new object: the settings are compared by identity.
            self.current = replace(self.current)
            return
        option = SETTINGS[name]
        if value is None:
            parsed: Any = getattr(self._initial, option.dest)
        else:
            factory = parsers.one_of(*self._formats) if name == "format" else option.parse_setting or option.parse
            assert factory is not None, name
            parsed = factory(name)(value)
        self.current = replace(self.current, **{option.dest: parsed})
        self._extra = _extra_fields(self.current)

    def _set_field(self, name: str, value: str | None) -> None:
        field = name.removeprefix(request_values.BODY_PREFIX)
        body = {**self.current.body}
        if value is not None:
            body[field] = request_values.field_value(name)(value)
        elif field in self._initial.body:
            body[field] = self._initial.body[field]
        else:
            body.pop(field, None)
        self.current = replace(self.current, body=body)
        self._extra = _extra_fields(self.current)

    def _check_name(self, name: str) -> None:
        if _is_field(name):
            request_values.check_field(name, name.removeprefix(request_values.BODY_PREFIX))
        elif name not in SETTINGS and name not in self._of_plugins:
            near = did_you_mean(name, [*SETTINGS, *self._of_plugins])
            hint = _OTHER_NAMES.get(name) or (f"Did you mean {near}?" if near else _ALL_SETTINGS)
            raise UsageError(f"Unknown setting '{name}'", hint)

    def advice(self, error: ModelError) -> tuple[str, ...]:
        """Return hints for a server that refuses one of the fields that not all servers know."""
        # The server's message names a field in its own spelling; `top_k` does not occur in `stop_knob`.
        words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in error.message).split()
        origins = {option.dest: name for name, option in SETTINGS.items() if option.request == "extra"}
        origins |= {_TEMPLATE: "think"} if self.current.think != "auto" else {}
        origins |= {field: f"{request_values.BODY_PREFIX}{field}" for field in self.current.body}
        return tuple(
            ShellHint(
                f"'/set {name} {parsers.DEFAULT}' leaves the choice to the server",
                f"Leave out {_flag(name)}, and the server decides",
            )
            for field, name in origins.items()
            if field in words and field in self._extra
        )


def _extra_fields(settings: Settings) -> Mapping[str, Any]:
    """Return the fields of a request that only some requests have."""
    values = {option.dest: getattr(settings, option.dest) for option in SETTINGS.values() if option.request == "extra"}
    extra = {name: value for name, value in values.items() if value is not None}
    if settings.tools:
        extra["tools"] = settings.tools
    if settings.schema is not None:
        extra["response_format"] = _response_format(settings.schema)
    if settings.think != "auto":
        extra[_TEMPLATE] = dict.fromkeys(_THINKING, settings.think == "on")
    for name, value in settings.body.items():
        if name == _TEMPLATE and isinstance(value, dict):
            extra[name] = {**extra.get(name, {}), **value}
        elif name != _MAX_TOKENS or not isinstance(value, int | None):
            extra[name] = value
    return extra


_MAX_TOKENS = "max_tokens"


def _response_format(schema: ResponseSchema) -> Mapping[str, Any]:
    described = {"name": schema.name, "schema": schema.schema, "strict": True}
    return {"type": "json_schema", "json_schema": described}


def _body_texts(settings: Settings) -> Mapping[str, str]:
    return {
        f"{request_values.BODY_PREFIX}{name}": msgspec.json.encode(value).decode()
        for name, value in settings.body.items()
    }


def _is_field(name: str) -> bool:
    return name.startswith(request_values.BODY_PREFIX)


def _flag(name: str) -> str:
    """Return the flag that sets a setting, or the part of one."""
    if _is_field(name):
        return f"'{name.removeprefix(request_values.BODY_PREFIX)}' in --extra-body"
    return SETTINGS[name].flag


def _text(value: Any) -> str:
    if value is None:
        return NOT_SENT
    if isinstance(value, bool):
        return "on" if value else "off"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)
