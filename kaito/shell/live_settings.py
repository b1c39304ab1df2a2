"""The settings that can change within a session: what each is called, may be and does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kaito.chat.session import Session
from kaito.errors import ModelError, UsageError
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.util import parsers

#: Shown where no value is sent and the server's own holds.
NOT_SENT = "(not sent)"

#: What the request has fields of its own for.
_FIELDS: Mapping[str, Callable[[str], Callable[[str], Any]]] = {
    "temperature": parsers.temperature,
    "max-tokens": parsers.count,
    "top-p": parsers.share,
}
#: Further fields of OpenAI's API, and below them those that vLLM and llama.cpp's server take besides.
_EXTRA: Mapping[str, Callable[[str], Callable[[str], Any]]] = {
    "seed": parsers.seed,
    "stop": parsers.stops,
    "presence-penalty": parsers.penalty,
    "frequency-penalty": parsers.penalty,
    "top-k": parsers.top_k,
    "min-p": parsers.share,
}
_SWITCH = ("on", "off")
#: Without flags; of the request's further fields none is sent.
_USUAL: Mapping[str, Any] = {"stream": True, "trim": False, "reasoning": True, "stats": False, "format": "plain"}


class _Setting(msgspec.Struct, frozen=True):
    read: Callable[[str], Any]
    get: Callable[[], Any]
    put: Callable[[Any], None]
    #: The values that there are, where they can be listed.
    choices: tuple[str, ...] = ()


class LiveSettings:
    """Reads and changes the settings of one session.

    Args:
        session: has those of the requests.
        answers: has those of what is shown.
    """

    def __init__(self, session: Session, answers: AnswerWriter) -> None:
        self._session = session
        self._settings = {
            **{name: self._field(name, read(name)) for name, read in _FIELDS.items()},
            **{name: self._extra(name, read(name)) for name, read in _EXTRA.items()},
            "stream": self._field("stream", parsers.switch("stream"), choices=_SWITCH),
            "trim": _attribute(session, "trim", parsers.switch("trim"), _SWITCH),
            "reasoning": _attribute(answers, "reasoning", parsers.switch("reasoning"), _SWITCH),
            "stats": _attribute(answers, "stats", parsers.switch("stats"), _SWITCH),
            "format": _attribute(answers, "format", parsers.one_of("format", answers.formats), answers.formats),
        }
        self._initial = {name: setting.get() for name, setting in self._settings.items()}

    @property
    def shown(self) -> Mapping[str, str]:
        """The settings' values, by name."""
        return {name: _shown(setting.get()) for name, setting in self._settings.items()}

    @property
    def notable(self) -> Mapping[str, str]:
        """Those that the user's document does not list, as far as they are not what they usually are."""
        return {
            name: _shown(value)
            for name, setting in self._settings.items()
            if name not in _FIELDS and (value := setting.get()) != _USUAL.get(name)
        }

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values that a setting can have, where they can be listed."""
        return self._named(name).choices

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; `None` brings it back to what it was at the start.

        Raises:
            UsageError: there is no such setting, or the value is not allowed.
        """
        setting = self._named(name)
        if value is None:
            setting.put(self._initial[name])
        else:
            setting.put(setting.read(value))

    def advise(self, error: ModelError) -> None:
        """Add what to do to the error of a server that refuses one of the fields that not all servers take."""
        # A server's words name a field in its own spelling; `top_k` is no part of `stop_knob`.
        words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in error.message).split()
        for name in _EXTRA:
            if self._settings[name].get() is not None and _field_of(name) in words:
                error.hints = (*error.hints, f"'/set {name} {parsers.DEFAULT}' leaves the choice to the server")

    def _named(self, name: str) -> _Setting:
        if (setting := self._settings.get(name)) is not None:
            return setting
        from difflib import get_close_matches

        near = get_close_matches(name, self._settings, n=1)
        meant = _ELSEWHERE.get(name) or (near[0] if near else None)
        raise UsageError(f"Unknown setting '{name}'", f"Did you mean {meant}?" if meant else "/set shows all of them")

    def _field(self, name: str, read: Callable[[str], Any], choices: tuple[str, ...] = ()) -> _Setting:
        field, talk = _field_of(name), self._session.conversation

        def put(value: Any) -> None:
            talk.template = talk.template.replace(**{field: value})

        return _Setting(read, lambda: getattr(talk.template, field), put, choices)

    def _extra(self, name: str, read: Callable[[str], Any]) -> _Setting:
        field, talk = _field_of(name), self._session.conversation

        def put(value: Any) -> None:
            others = {key: kept for key, kept in talk.template.extra.items() if key != field}
            talk.template = talk.template.replace(extra=others if value is None else {**others, field: value})

        return _Setting(read, lambda: talk.template.extra.get(field), put)


#: What other chats set, or what has a command of its own here.
_ELSEWHERE = {"system": "/system", "model": "/model", "history": "/history", "parameter": "/set NAME VALUE"}


def _attribute(owner: object, name: str, read: Callable[[str], Any], choices: tuple[str, ...]) -> _Setting:
    return _Setting(read, lambda: getattr(owner, name), lambda value: setattr(owner, name, value), choices)


def _field_of(name: str) -> str:
    return name.replace("-", "_")


def _shown(value: Any) -> str:
    if value is None:
        return NOT_SENT
    if isinstance(value, bool):
        return _SWITCH[not value]
    return msgspec.json.encode(value).decode() if isinstance(value, list) else str(value)
