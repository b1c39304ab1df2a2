"""Showing one answer: its pieces through the formatter to stdout, what holds it up to the status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kaito.errors import Interrupted, KaitoError, OutputClosed, PluginError
from kaito.formatters.plain import Plain
from kaito.plugins import Offered, Plugins
from kaito.session import Session
from kaito.terminal import Terminal
from kaito.types import Delta, Reply
from kaito.untrusted import Neutraliser, neutral

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter


class AnswerWriter:
    """Draws answers with one formatter.

    Args:
        terminal: where they go.
        plugins: isolate the formatter.
        offered: the formatter's class and whose it is.
    """

    def __init__(self, terminal: Terminal, plugins: Plugins, offered: Offered[type[Formatter]]) -> None:
        self._terminal = terminal
        self._plugins = plugins
        self._offered = offered

    def show(self, session: Session, text: str) -> None:
        """Send a message and show its answer.

        Raises:
            KaitoError: the turn failed; what had arrived is shown.
            Interrupted: likewise, by Ctrl-C.
        """
        drawing = _Drawing(self._terminal, self._plugins, self._offered)
        self._terminal.status("waiting for the model")
        try:
            for item in session.ask(text):
                if isinstance(item, Delta):
                    drawing.add(item)
                else:
                    self._terminal.retrying(item.reason, item.delay)
        except OutputClosed:
            raise
        except (KaitoError, Interrupted):
            self._terminal.clear_status()
            drawing.end(session.reply)
            raise
        self._terminal.clear_status()
        drawing.end(session.reply)
        session.settle()
        if session.reply is not None and session.reply.finish_reason == "length":
            tokens = session.reply.usage.completion_tokens if session.reply.usage else 0
            after = f" after {tokens} token{'s' * (tokens != 1)}" if tokens else ""
            self._terminal.note(f"(cut by the limit{after}: --max-tokens)", dim=True)


class _Drawing:
    """One answer on its way to the screen. When its formatter fails, the plain one shows the answer anew."""

    def __init__(self, terminal: Terminal, plugins: Plugins, offered: Offered[type[Formatter]]) -> None:
        self._terminal = terminal
        self._plugins = plugins
        self._owner = offered.plugin
        self._raw = getattr(offered.value, "raw", False)
        self._content = Neutraliser()
        self._reasoning = Neutraliser()
        self._fed: list[Delta] = []
        self._shown = ""
        self._formatter: Formatter
        try:
            with plugins.guarding(self._owner, "making a formatter"):
                self._formatter = offered.value(terminal.screen())
        except PluginError as exc:
            self._replace(exc)

    def add(self, delta: Delta) -> None:
        if not self._raw:
            content, reasoning = self._content.feed(delta.content), self._reasoning.feed(delta.reasoning)
            if content is not delta.content or reasoning is not delta.reasoning:
                delta = replace(delta, content=content, reasoning=reasoning)
        self._fed.append(delta)
        try:
            with self._plugins.guarding(self._owner, "feed"):
                text = _checked(self._formatter.feed(delta))
        except PluginError as exc:
            text = self._replace(exc)
        self._write(text)

    def end(self, reply: Reply | None) -> None:
        if reply is None:
            return
        if not self._raw:
            reply = replace(reply, content=neutral(reply.content), reasoning=neutral(reply.reasoning))
        try:
            with self._plugins.guarding(self._owner, "finish"):
                text = _checked(self._formatter.finish(reply))
        except PluginError as exc:
            text = self._replace(exc) + self._formatter.finish(reply)
        self._write(text)

    def _write(self, text: str) -> None:
        if text:
            self._shown = text
            self._terminal.write(text)

    def _replace(self, exc: PluginError) -> str:
        self._terminal.error(exc)
        self._formatter = Plain(self._terminal.screen())
        again = "".join(
            self._formatter.feed(Delta(content=neutral(delta.content), reasoning=neutral(delta.reasoning)))
            for delta in self._fed
        )
        return again if not self._shown or self._shown.endswith("\n") else "\n" + again


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a formatter returns text, not {text!r}")
    return text
