"""The only module that writes to the terminal: answers to stdout, everything else to stderr."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TextIO

from kaito.console.clipboard import clipboard_sequence
from kaito.console.colors import ColorChoice, Colors
from kaito.console.columns import Page
from kaito.console.hyperlinks import shows_links
from kaito.console.location_line import location_line
from kaito.console.status_line import StatusLine
from kaito.console.streams import (
    can_encode,
    discard_buffer,
    is_terminal,
    prepare,
    reader_is_gone,
    wait_until_ready,
    without_symbols,
)
from kaito.console.tty import Tty
from kaito.console.wrapping import MIN_COLUMNS, remark, table_columns
from kaito.errors import KaitoError, OutputClosed, UsageError
from kaito.eventloop.keyboard import Keyboard
from kaito.types import Screen
from kaito.util.sanitize import sanitize


class Terminal:
    """Stdout and stderr, either of which may be a terminal, a pipe, a file or closed.

    Args:
        stdin: the input; `None` if it is closed.
        stdout: for answers and the output of commands; `None` if it is closed.
        stderr: for everything else; `None` if it is closed.
        environ: the environment, for `NO_COLOR`, `FORCE_COLOR` and `TERM`.
        color: `--color`.
        clock: returns seconds that never go back.

    Attributes:
        tty: the terminal's modes.
        keyboard: whether the prompt is waiting for a key.
        shows_status: whether stderr can show a line that disappears.
        commands: the names of slash commands, which errors mention only at a prompt.
    """

    def __init__(
        self,
        stdin: TextIO | None,
        stdout: TextIO | None,
        stderr: TextIO | None,
        environ: Mapping[str, str],
        color: ColorChoice = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.in_is_terminal = is_terminal(stdin)
        self.out_is_terminal = is_terminal(stdout)
        self.err_is_terminal = is_terminal(stderr)
        self.commands: Collection[str] = ()
        self.is_dumb = environ.get("TERM") == "dumb"
        self._in_tmux = "TMUX" in environ
        self._shows_links = shows_links(environ)
        self.shows_status = self.err_is_terminal and not self.is_dumb
        wait_until_ready(stdin)
        for stream in (stdout, stderr):
            prepare(stream)
        self._environ = environ
        self._colors = Colors(color, environ)
        self._clock = clock
        #: When something was last written to the terminal, in seconds of the clock.
        self._written_at = 0.0
        self._lock = threading.RLock()
        #: The sequences before and after typed text, while the user types.
        self._typing = ("", "")
        self._status = StatusLine(self._put, self._columns, clock, self._lock)
        self._stdout_error: KaitoError = OutputClosed("stdout is closed")
        self.keyboard = Keyboard()
        self.tty = Tty(stdin if self.in_is_terminal else None, stdout if self.out_is_terminal else stderr)

    # Output

    def write(self, text: str) -> None:
        """Write to stdout unchanged, at once.

        Raises:
            OutputClosed: nobody reads it any more.
            KaitoError: it cannot be written, for example to a full disk.
        """
        self._status.clear()
        if self.stdout is None:
            raise self._stdout_error
        try:
            # Noted before the write: a key may be pressed as soon as the text is on the screen.
            self._written_at = self._clock() if self.out_is_terminal else self._written_at
            self.stdout.write(text)
            self.stdout.flush()
        except (OSError, ValueError) as exc:
            if isinstance(exc, OSError) and not reader_is_gone(exc):
                self._stdout_error = KaitoError(f"Cannot write to stdout: {exc.strerror}")
            discard_buffer(self.stdout)
            self.stdout = None
            raise self._stdout_error from exc

    def write_interactive(self, text: str, *, dim: bool = False) -> None:
        """Write something for a person at the prompt: to stdout, or to stderr if stdout is not a terminal.

        Args:
            dim: whether it is less bright than other text.
        """
        if dim:
            text = self._colors.dim(text, self._interactive)
        if self.out_is_terminal and self.stdout is not None:
            self.write(self._encodable(text, self.stdout, self.out_is_terminal))
        else:
            self._to_stderr(text, is_prompt=True)

    @property
    def _interactive(self) -> TextIO | None:
        """The stream for a person at the prompt."""
        return self.stdout if self.out_is_terminal else self.stderr

    def show_location(self, place: Sequence[tuple[str, str]]) -> None:
        """Show the location of the chat or of a table, on a dim line that fits the window.

        Args:
            place: values with their names, such as `context`.
        """
        if line := location_line(place, table_columns()):
            self.write_interactive(line, dim=True)
            self.write_interactive("\n")

    def show_typed(self, text: str) -> None:
        """Show a text as if the user had typed it at the prompt. Control sequences are removed."""
        before, after = self._colors.typed(self._interactive)
        self.write_interactive(f"{before}> {sanitize(text)}{after}\n")

    def write_typed(self, text: str) -> None:
        """Write to stdout what :meth:`show_typed` shows."""
        before, after = self._colors.typed(self.stdout)
        self.write(f"{before}> {sanitize(text)}{after}\n")

    @contextmanager
    def typing(self) -> Iterator[str]:
        """Yield the sequence that colours what is typed, which the caller writes first; end the colour after the block.

        What other threads write to stderr meanwhile is not coloured.
        """
        before, after = self._colors.typed(self._interactive)
        self._typing = (before, after)
        try:
            yield before
        finally:
            self._typing = ("", "")
            if after:
                # If the terminal is gone, the next write reports that.
                with suppress(KaitoError):
                    self.write_interactive(after)

    def note(self, text: str, *, dim: bool = False) -> None:
        """Write a line to stderr, without control sequences. A closed stderr is ignored.

        Args:
            dim: whether it is a remark: less bright than other text, and wrapped.
        """
        text = sanitize(text)
        if dim:
            text = self._wrapped(text, hang=1)
            text = self._colors.dim(text, self.stderr)
        self._to_stderr(text + "\n")

    def notice(self, text: str) -> None:
        """Write a text as one line to stderr; at a terminal, it is wrapped. Any thread may call."""
        self._to_stderr(self._wrapped(sanitize(" ".join(text.splitlines()))) + "\n")

    def explain(self, text: str) -> None:
        """Write an explanation of `--verbose` to stderr: its lines are kept, and wrapped at a terminal."""
        self._to_stderr(self._wrapped(sanitize(text)) + "\n")

    def error(self, error: KaitoError, *hints: str, where: str = "", in_shell: bool = False) -> None:
        """Show an error, further hints, and as the last line where in a script it happened.

        Args:
            in_shell: whether hints may name slash commands.
        """
        # One line for each line of ours: text from outside must not begin another.
        lines = (*error.lines(in_shell=in_shell, commands=self.commands), *(f"   {hint}" for hint in hints))
        head, *rest = (" ".join(sanitize(line).splitlines()) for line in lines)
        if self.stderr is not None:
            head = self._encodable(head, self.stderr, self.err_is_terminal)
        rest = [*rest, *([f"   at {where}"] if where else [])]
        fixed = error.documented_lines
        head = head if fixed else self._wrapped(head, hang=3)
        rest = [line if place < fixed else self._wrapped(line) for place, line in enumerate(rest, 1)]
        self._to_stderr("\n".join([self._colors.red(head, self.stderr), *rest]) + "\n")

    def warning(self, error: KaitoError) -> None:
        """Show an error as a remark, because the result does not depend on it."""
        parts = (error.message, *error.shown_hints(commands=self.commands))
        # They are one sentence, in which names such as KAITO_HISTORY stay as they are.
        self.remark("; ".join(part[:1].lower() + part[1:] if part[1:2].islower() else part for part in parts))

    def remark(self, text: str) -> None:
        """Show a remark in parentheses, unless it is empty."""
        if text:
            self.note(f"({text})", dim=True)

    def copy(self, text: str) -> None:
        """Put a text on the terminal's clipboard.

        Raises:
            UsageError: there is no terminal that could do that, or the text is too long.
        """
        if self.is_dumb or not (self.out_is_terminal or self.err_is_terminal):
            raise UsageError("There is no terminal whose clipboard could be used")
        sequence = clipboard_sequence(text, in_tmux=self._in_tmux)
        if self.out_is_terminal:
            self.write(sequence)
        else:
            self._to_stderr(sequence)

    def colored(self, stream: TextIO | None) -> bool:
        """Return whether a stream gets colours."""
        return self._colors.enabled(stream)

    def use_color(self, choice: ColorChoice) -> None:
        """Apply the value of `--color` from now on."""
        self._colors = Colors(choice, self._environ)

    def screen(self) -> Screen:
        """Return what a formatter may know of stdout."""
        return Screen(
            terminal=self.out_is_terminal,
            colour=self.colored(self.stdout),
            links=self._shows_links and self.out_is_terminal and self.colored(self.stdout),
            unicode=can_encode(self.stdout, "é🤖"),
            width=lambda: shutil.get_terminal_size().columns,
        )

    def page(self, *, wide: bool = False) -> Page:
        """Return the page for tables on stdout: the window, if stdout is a terminal.

        Args:
            wide: whether lines may be longer than the window: `-o wide`.
        """
        return Page(
            window=None if wide or not self.out_is_terminal else table_columns,
            paint=lambda text, hue: self._colors.hue(text, hue, self.stdout),
        )

    # The status line

    def status(self, text: str) -> None:
        """Set what the program is waiting for; :meth:`tick` shows it after a short while. Any thread may call."""
        if self.shows_status:
            self._status.set(text)

    def retrying(self, reason: str, delay: float) -> None:
        """Count down to another try in the status line; without one, write a line if the wait is long.

        Args:
            delay: seconds.
        """
        if self.shows_status:
            self._status.count_down(reason, delay)
        elif delay >= 1:
            self.note(f"retrying in {delay:.0f} s: {reason}")

    def tick(self) -> None:
        """Show or refresh the status line; called several times a second while the main thread waits."""
        self._status.draw()

    def clear_status(self) -> None:
        """Remove the status line from the screen."""
        self._status.clear()

    @property
    def has_person(self) -> bool:
        """Whether there is a person who sees what is written interactively, and can answer."""
        return self.in_is_terminal and (self.out_is_terminal or self.err_is_terminal)

    def end_line_of_ctrl_c(self, at: float) -> None:
        """End the line on which a terminal has echoed `^C`, unless something was written since: a prompt follows.

        Args:
            at: when Ctrl-C was pressed, by the clock.
        """
        if self.has_person and self._written_at <= at:
            with suppress(KaitoError):
                self.write_interactive("\n")

    # The terminal's modes

    def muted(self, *, mark_pastes: bool) -> AbstractContextManager[None]:
        """Hide type-ahead while an answer is written; see :meth:`~kaito.console.tty.Tty.muted`."""
        return self.tty.muted(mark_pastes=mark_pastes)

    @contextmanager
    def waiting_for_a_key(self) -> Iterator[None]:
        """Raise signals in the block, also one that arrived before: Ctrl-Z as :class:`~kaito.errors.Suspended`."""
        self.tty.unmute()
        with self.keyboard.waiting():
            yield

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Hand the terminal over to another program, in its initial modes, and restore the current ones afterwards."""
        self._status.hide(self._write_directly)
        with self.tty.handed_over():
            yield

    # Within

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stderr.fileno()).columns if self.stderr else 80
        except (OSError, ValueError):
            return 80

    def _wrapped(self, text: str, *, hang: int = 2) -> str:
        """Return a text for stderr whose lines are broken between words if that is a terminal."""
        if not self.err_is_terminal:
            return text
        columns = max(self._columns() - 1, MIN_COLUMNS)
        return "\n".join(remark(line, columns, hang=hang) for line in text.split("\n"))

    def _encodable(self, text: str, stream: TextIO, is_terminal: bool) -> str:
        if text.isascii() or not ((is_terminal and self.is_dumb) or not can_encode(stream, text)):
            return text
        return without_symbols(text)

    def _write_directly(self, text: str) -> None:
        """Write to stderr without its stream, as Ctrl-Z may have interrupted a write to that."""
        if self.stderr is not None:
            with suppress(OSError, ValueError):
                os.write(self.stderr.fileno(), text.encode())

    def _to_stderr(self, text: str, *, is_prompt: bool = False) -> None:
        before, after = ("", "") if is_prompt else self._typing
        with self._lock:
            self._status.hide()
            self._put(f"{after}{text}{before}")

    def _put(self, text: str) -> None:
        if self.stderr is not None:
            try:
                self._written_at = self._clock() if self.err_is_terminal else self._written_at
                self.stderr.write(self._encodable(text, self.stderr, self.err_is_terminal))
                self.stderr.flush()
            except (OSError, ValueError):
                self.stderr = None
