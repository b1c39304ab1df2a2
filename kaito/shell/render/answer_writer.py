"""Shows one answer: its pieces go through the formatter to stdout, delays to the status line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kaito.chat.session import WAITING, Pieces, Session
from kaito.chat.session_settings import SessionSettings
from kaito.console.terminal import Terminal
from kaito.errors import Abandoned, PluginError
from kaito.formatters.plain import Plain
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.render.endings import remark_on_ending
from kaito.shell.render.statistics import statistics_line
from kaito.types import Delta, Reply, Screen, ToolCall
from kaito.util.sanitize import Sanitizer, sanitize

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter


class AnswerWriter:
    """Shows answers with the formatter that the settings name.

    Args:
        suggests_commands: whether remarks may suggest slash commands: not when there is one message only.
    """

    def __init__(
        self,
        terminal: Terminal,
        plugins: Plugins,
        formatters: Mapping[str, Offered[type[Formatter]]],
        settings: SessionSettings,
        *,
        suggests_commands: bool,
    ) -> None:
        self._terminal = terminal
        self._plugins = plugins
        self._formatters = formatters
        self._settings = settings
        self._suggests_commands = suggests_commands
        self._screen = terminal.screen()

    @property
    def _offered(self) -> Offered[type[Formatter]]:
        return self._formatters[self._settings.current.output]

    @property
    def exclusive_stdout(self) -> bool:
        """Whether only answers may be written to stdout, because a program reads it."""
        return bool(getattr(self._offered.value, "exclusive_stdout", False))

    def show(self, session: Session, pieces: Pieces) -> None:
        """Show the answer of one turn.

        Args:
            pieces: from :meth:`Session.ask` or a similar method; always closed.

        Raises:
            KaitoError: the turn failed; what arrived is shown.
            Interrupted: Ctrl-C stopped it; what arrived is shown.
        """
        terminal, settings = self._terminal, self._settings.current
        drawing = _Drawing(terminal, self._screen, self._plugins, self._offered, session, reasoning=settings.reasoning)
        terminal.status(WAITING)
        thinking = stalled = False
        try:
            with closing(pieces):
                for item in pieces:
                    if isinstance(item, Delta):
                        if item.reasoning:
                            if not settings.reasoning:
                                item = replace(item, reasoning="")
                            if not thinking:
                                # Visible only until the answer begins: writing clears the status line.
                                terminal.status("thinking")
                                thinking = True
                        drawing.add(item)
                    else:
                        terminal.retrying(item.reason, item.delay)
        except (Abandoned, KeyboardInterrupt):
            # A second Ctrl-C: writing to stdout may be what blocks.
            stalled = True
            raise
        finally:
            terminal.clear_status()
            if not stalled and session.reply is not None:
                drawing.end(_visible(session.reply, reasoning=settings.reasoning))
        session.report_turn()
        if session.reply is not None:
            self._remark(session, session.reply)

    def _remark(self, session: Session, reply: Reply) -> None:
        """Remark on a complete answer on stderr."""
        if remark := remark_on_ending(session, reply, suggests_commands=self._suggests_commands):
            self._terminal.note(f"({remark})", dim=True)
        settings = self._settings.current
        if settings.stats and (line := statistics_line(reply, session.window, streamed=settings.stream)):
            self._terminal.note(f"({line})", dim=True)


def _visible(reply: Reply, *, reasoning: bool) -> Reply:
    return reply if reasoning or not reply.reasoning else replace(reply, reasoning="")


class _Drawing:
    """One answer being written. If its formatter fails, the plain one shows the whole answer."""

    def __init__(
        self,
        terminal: Terminal,
        screen: Screen,
        plugins: Plugins,
        offered: Offered[type[Formatter]],
        session: Session,
        *,
        reasoning: bool,
    ) -> None:
        self._terminal = terminal
        self._screen = screen
        self._plugins = plugins
        self._owner = offered.plugin
        self._raw = getattr(offered.value, "raw", False)
        self._session = session
        self._shows_reasoning = reasoning
        self._content = Sanitizer()
        self._reasoning = Sanitizer()
        self._written = ""
        self._formatter: Formatter
        try:
            with plugins.isolated(self._owner, "making a formatter"):
                self._formatter = offered.value(screen)
        except PluginError as exc:
            self._formatter = self._plain_after(exc)

    def add(self, delta: Delta) -> None:
        if not self._raw:
            content, reasoning = self._content.feed(delta.content), self._reasoning.feed(delta.reasoning)
            if content is not delta.content or reasoning is not delta.reasoning:
                delta = replace(delta, content=content, reasoning=reasoning)
            if delta.tool_calls:
                delta = replace(delta, tool_calls=_sanitized(delta.tool_calls))
        try:
            with self._plugins.isolated(self._owner, "feed"):
                text = _checked(self._formatter.feed(delta))
        except PluginError as exc:
            text = self._start_over(exc)
        self._write(text)

    def end(self, reply: Reply) -> None:
        if not self._raw:
            content, reasoning = sanitize(reply.content), sanitize(reply.reasoning)
            if content is not reply.content or reasoning is not reply.reasoning:
                reply = replace(reply, content=content, reasoning=reasoning)
            if reply.tool_calls:
                reply = replace(reply, tool_calls=_sanitized(reply.tool_calls))
        try:
            with self._plugins.isolated(self._owner, "finish"):
                text = _checked(self._formatter.finish(reply))
        except PluginError as exc:
            text = self._start_over(exc) + self._formatter.finish(reply)
        self._write(text)

    def _write(self, text: str) -> None:
        if text:
            self._written = text
            self._terminal.write(text)

    def _start_over(self, exc: PluginError) -> str:
        """Replace the failed formatter; return the answer so far as the plain one shows it."""
        self._formatter = self._plain_after(exc)
        arrived = _visible(self._session.arrived(), reasoning=self._shows_reasoning)
        # The rest of the answer may continue a control sequence.
        self._content, self._reasoning = Sanitizer(), Sanitizer()
        text = self._formatter.feed(
            Delta(content=self._content.feed(arrived.content), reasoning=self._reasoning.feed(arrived.reasoning))
        )
        return text if not self._written or self._written.endswith("\n") else "\n" + text

    def _plain_after(self, exc: PluginError) -> Plain:
        self._terminal.error(exc)
        self._raw = False
        return Plain(self._screen)


def _sanitized(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(id=sanitize(call.id), name=sanitize(call.name), arguments=sanitize(call.arguments)) for call in calls
    )


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a formatter must return text, not {text!r}")
    return text
