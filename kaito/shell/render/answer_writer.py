"""Showing one answer: its pieces through the formatter to stdout, what holds it up to the status."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kaito.chat.session import Pieces, Session
from kaito.console.sanitize import Sanitizer, sanitize
from kaito.console.terminal import Terminal
from kaito.errors import Abandoned, PluginError
from kaito.formatters.plain import Plain
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.shell.render.figures import figures
from kaito.types import Delta, Reply, Screen

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter


class AnswerWriter:
    """Draws answers with one formatter at a time.

    Attributes:
        stats: whether each complete answer is followed by its figures.
        reasoning: whether the model's reasoning is shown.
        commands_follow: whether remarks may name slash commands.

    Args:
        terminal: where they go.
        plugins: isolate the formatter.
        formatters: all that there are, by name.
        settings: which one draws, and what is shown.
    """

    def __init__(
        self,
        terminal: Terminal,
        plugins: Plugins,
        formatters: Mapping[str, Offered[type[Formatter]]],
        settings: Settings,
    ) -> None:
        self.stats = settings.stats
        self.reasoning = settings.reasoning
        self.commands_follow = False
        self._terminal = terminal
        self._plugins = plugins
        self._formatters = formatters
        self._screen = terminal.screen()
        self.format = settings.output

    @property
    def formats(self) -> tuple[str, ...]:
        """The names of the formatters."""
        return tuple(sorted(self._formatters))

    @property
    def format(self) -> str:
        """The name of the formatter that draws the next answer."""
        return self._format

    @format.setter
    def format(self, name: str) -> None:
        self._format = name
        self._offered = self._formatters[name]

    @property
    def alone(self) -> bool:
        """Whether only answers may stand on stdout, as something reads them that understands nothing else."""
        return bool(getattr(self._offered.value, "alone", False))

    def show(self, session: Session, pieces: Pieces) -> None:
        """Show the answer of one turn.

        Args:
            session: whose turn it is.
            pieces: what :meth:`Session.ask` or one of its like yields; closed at the end, however it comes.

        Raises:
            KaitoError: the turn failed; what had arrived is shown.
            Interrupted: likewise, by Ctrl-C.
        """
        terminal = self._terminal
        drawing = _Drawing(terminal, self._screen, self._plugins, self._offered)
        terminal.status("waiting for the model")
        thinking = hopeless = False
        try:
            with closing(pieces):
                for item in pieces:
                    if isinstance(item, Delta):
                        if item.reasoning:
                            if not self.reasoning:
                                item = replace(item, reasoning="")
                            if not thinking:
                                # Seen only while nothing of the answer is: writing takes it away.
                                terminal.status("thinking")
                                thinking = True
                        drawing.add(item)
                    else:
                        terminal.retrying(item.reason, item.delay)
        except (Abandoned, KeyboardInterrupt):
            # Ctrl-C again: stdout may be what does not go on.
            hopeless = True
            raise
        finally:
            terminal.clear_status()
            if not hopeless:
                drawing.end(self._shown(session.reply))
        session.settle()
        if session.reply is not None:
            self._comment(session, session.reply)

    def _shown(self, reply: Reply | None) -> Reply | None:
        return reply if reply is None or self.reasoning or not reply.reasoning else replace(reply, reasoning="")

    def _comment(self, session: Session, reply: Reply) -> None:
        """Say on stderr what there is to say about a complete answer."""
        if reply.finish_reason == "length":
            tokens = reply.usage.completion_tokens if reply.usage else 0
            after = f" after {tokens} token{'s' * (tokens != 1)}" if tokens else ""
            early = "" if session.kept else ", before the answer began"
            more = ": --max-tokens"
            if self.commands_follow:
                more = "; /continue goes on, or /set max-tokens" if session.kept else "; /set max-tokens"
            self._terminal.note(f"(cut by the limit{after}{early}{more})", dim=True)
        if not session.kept:
            self._terminal.note("(no answer; the conversation is as it was)", dim=True)
        if self.stats and (line := figures(reply, session.window, streamed=session.conversation.template.stream)):
            self._terminal.note(f"({line})", dim=True)


class _Drawing:
    """One answer on its way to the screen. When its formatter fails, the plain one shows the answer anew."""

    def __init__(self, terminal: Terminal, screen: Screen, plugins: Plugins, offered: Offered[type[Formatter]]) -> None:
        self._terminal = terminal
        self._screen = screen
        self._plugins = plugins
        self._owner = offered.plugin
        self._raw = getattr(offered.value, "raw", False)
        self._content = Sanitizer()
        self._reasoning = Sanitizer()
        self._fed: list[Delta] = []
        self._shown = ""
        self._formatter: Formatter
        try:
            with plugins.guarding(self._owner, "making a formatter"):
                self._formatter = offered.value(screen)
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
            content, reasoning = sanitize(reply.content), sanitize(reply.reasoning)
            if content is not reply.content or reasoning is not reply.reasoning:
                reply = replace(reply, content=content, reasoning=reasoning)
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
        self._formatter = Plain(self._screen)
        again = "".join(
            self._formatter.feed(Delta(content=sanitize(delta.content), reasoning=sanitize(delta.reasoning)))
            for delta in self._fed
        )
        return again if not self._shown or self._shown.endswith("\n") else "\n" + again


def _checked(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a formatter returns text, not {text!r}")
    return text
