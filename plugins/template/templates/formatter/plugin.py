"""{{ cookiecutter.description }}: the output format `{{ cookiecutter.name }}`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import ChatRequest, Delta, Formatter, Reply, Screen, Settings, hookimpl

__version__ = "0.1.0"


class {{ cookiecutter.__class }}(Formatter):
    """Writes answers as a quotation: each line begins with `> `."""

    name = "{{ cookiecutter.name }}"

    def __init__(self, screen: Screen, settings: Settings) -> None:
        self._begins_line = True
        self._wrote = False

    def begin_answer(self, request: ChatRequest) -> str:
        """Forget the answer before."""
        self._begins_line, self._wrote = True, False
        return ""

    def feed(self, delta: Delta) -> str:
        """Return a piece of the answer at once: nothing is held back."""
        written = ""
        for line in delta.content.splitlines(keepends=True):
            written += f"> {line}" if self._begins_line else line
            self._begins_line = line.endswith("\n")
        self._wrote = self._wrote or bool(written)
        return written

    def finish(self, reply: Reply) -> str:
        """Return the calls of tools, and the end of the last line."""
        rest = "" if self._begins_line else "\n"
        return rest + "".join(f"> {call.shown}\n" for call in reply.tool_calls)


@hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return the formatter `{{ cookiecutter.name }}`."""
    return [{{ cookiecutter.__class }}]
