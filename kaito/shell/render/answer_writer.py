"""Shows one answer: its pieces go through the formatter to stdout, delays to the status line."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from kaito.chat.session import WAITING, Pieces, Session
from kaito.chat.session_settings import SessionSettings
from kaito.console.terminal import Terminal
from kaito.errors import Abandoned, ExitCode, KaitoError
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.render.endings import empty_answer, remark_on_ending
from kaito.shell.render.formatted_output import FormattedOutput
from kaito.shell.render.statistics import statistics_line
from kaito.types import Delta, Failure, Reply

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter


class AnswerWriter:
    """Shows answers with the formatter that the settings name. Use it as a context manager for the session.

    Args:
        interactive: whether the user types at a prompt: remarks may suggest slash commands, an empty answer is not a
            failure, and a failed command is not part of the output.
    """

    def __init__(
        self,
        terminal: Terminal,
        plugins: Plugins,
        formatters: Mapping[str, Offered[type[Formatter]]],
        settings: SessionSettings,
        *,
        interactive: bool,
    ) -> None:
        self._terminal = terminal
        self._settings = settings
        self._interactive = interactive
        #: The last failure that the formatter got.
        self._reported: KaitoError | None = None
        self._output = FormattedOutput(terminal, plugins, formatters, settings)

    def __enter__(self) -> Self:
        self._output.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After a second Ctrl-C, writing to stdout may be what blocks.
        if kind is None or not issubclass(kind, Abandoned | KeyboardInterrupt):
            self._output.close()

    @property
    def exclusive_stdout(self) -> bool:
        """Whether only answers may be written to stdout, because a program reads it."""
        return self._output.exclusive

    def exit_code(self, code: ExitCode) -> ExitCode:
        """Return the exit code of a session that ends with `code`: a failure if the output broke off."""
        return ExitCode.FAILED if self._output.failed and code is ExitCode.OK else code

    def change_format(self) -> None:
        """Use the formatter that the settings name now.

        Raises:
            KaitoError: it failed, and a program reads its output.
        """
        self._output.change()

    def show(self, session: Session, pieces: Pieces) -> None:
        """Show the answer of one turn.

        Args:
            pieces: from :meth:`Session.ask` or a similar method; always closed.

        Raises:
            KaitoError: the turn failed, or the formatter did and a program reads its output; what arrived is shown. An
                empty answer is a failure unless the user is at a prompt.
            Interrupted: Ctrl-C stopped it; what arrived is shown.
        """
        settings = self._settings.current
        #: Why the turn failed, and why its end could not be formatted.
        cause: KaitoError | None = None
        failure: KaitoError | None = None
        complete = stalled = False
        try:
            with closing(pieces):
                self._show_pieces(session, pieces, reasoning=settings.reasoning)
            complete = True
            if not session.kept and not self._interactive:
                cause = empty_answer(session)
        except KaitoError as exc:
            cause = exc
            raise
        except (Abandoned, KeyboardInterrupt):
            # A second Ctrl-C: writing to stdout may be what blocks.
            stalled = True
            raise
        finally:
            self._terminal.clear_status()
            if not stalled and self._output.usable:
                reply = session.reply if session.request is not None else None
                failure = self._finish(reply and _visible(reply, reasoning=settings.reasoning), cause, session.line)
                if failure is not None and not complete:
                    self._terminal.error(failure)
        session.report_turn()
        if failure is not None:
            raise failure
        if session.reply is not None:
            self._remark(session, session.reply)
        if cause is not None:
            raise cause

    def report(self, error: KaitoError, line: int | None) -> None:
        """Show a line of a script that failed without an answer, if the formatter shows that.

        Raises:
            KaitoError: the formatter failed and a program reads its output, or stdout cannot be written.
        """
        is_new = error is not self._reported and not self._interactive
        if is_new and self._output.usable and self._terminal.stdout is not None:
            self._output.fail(self._failure(error, None, line))

    def _show_pieces(self, session: Session, pieces: Pieces, *, reasoning: bool) -> None:
        terminal = self._terminal
        self._output.begin(lambda: session.request, lambda: _visible(session.arrived(), reasoning=reasoning))
        terminal.status(WAITING)
        thinking = False
        for item in pieces:
            if not isinstance(item, Delta):
                terminal.retrying(item.reason, item.delay)
                continue
            if item.reasoning:
                if not reasoning:
                    item = replace(item, reasoning="")
                if not thinking:
                    # Visible only until the answer begins: writing clears the status line.
                    terminal.status("thinking")
                    thinking = True
            self._output.add(item)

    def _finish(self, reply: Reply | None, cause: KaitoError | None, line: int | None) -> KaitoError | None:
        """Write the end of the answer; return the failure of the formatter if it ends the output.

        Args:
            reply: `None` if no request was sent.
            cause: why the turn failed; `None` if it did not.
        """
        try:
            if cause is not None:
                self._reported = cause
                self._output.fail(self._failure(cause, reply, line))
            elif reply is not None:
                self._output.finish(reply)
        except KaitoError as exc:
            if self._output.usable:
                raise  # stdout cannot be written
            return exc
        return None

    def _failure(self, error: KaitoError, reply: Reply | None, line: int | None) -> Failure:
        hints = tuple(error.shown_hints(in_shell=self._interactive, commands=self._terminal.commands))
        return Failure(message=error.message, hints=hints, exit_code=int(error.exit_code), line=line, reply=reply)

    def _remark(self, session: Session, reply: Reply) -> None:
        """Remark on a complete answer on stderr."""
        if remark := remark_on_ending(session, reply, suggests_commands=self._interactive):
            self._terminal.note(f"({remark})", dim=True)
        settings = self._settings.current
        if settings.stats and (line := statistics_line(reply, session.window, streamed=settings.stream)):
            self._terminal.note(f"({line})", dim=True)


def _visible(reply: Reply, *, reasoning: bool) -> Reply:
    return reply if reasoning or not reply.reasoning else replace(reply, reasoning="")
