"""Line editing by GNU readline or by libedit, whichever the interpreter has: what differs between them ends here."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from kaito.console.terminal import Terminal
from kaito.errors import Suspended

#: Returns the whole lines that what is typed of one may become.
Complete = Callable[[str], Sequence[str]]

# From here on it can take a paste as one piece, from here on it ends the prompt's line itself when input ends, and from
# here on nobody has seen what else it does then.
_PASTES, _ENDS_LINE, _UNKNOWN = 0x700, 0x801, 0x803

_STDOUT = 1

_LINE_UP = "\x1b[A"


class LineEditor:
    """What `input` uses once its module has been imported.

    Args:
        module: `readline`, which may be libedit by that name.
        terminal: where it edits.
    """

    def __init__(self, module: ModuleType, terminal: Terminal) -> None:
        self._module = module
        self._terminal = terminal
        self._complete: Complete | None = None
        self._matches: list[str] = []
        self._last = ""
        is_gnu = "libedit" not in (module.__doc__ or "")
        version = getattr(module, "_READLINE_RUNTIME_VERSION", 0) if is_gnu else 0
        self._pastes = version >= _PASTES and not terminal.is_dumb
        self._version = version
        self._input_ended = False
        module.set_auto_history(False)
        module.set_completer(self._match)
        # Names hold all other characters that would end a word.
        module.set_completer_delims(" \t\n")
        module.parse_and_bind("tab: complete" if is_gnu else "bind ^I rl_complete")
        terminal.tty.brackets_pastes = self._pastes
        if self._pastes:
            # A paste comes as one entry, none of its lines as a command. Python has that off if it is not asked for.
            module.parse_and_bind("set enable-bracketed-paste on")

    def read(self, prompt: str, complete: Complete | None) -> str:
        """Return a line that was edited, or a paste of several.

        Args:
            prompt: what stands before it.
            complete: what Tab does; `None` leaves it without a use.

        Raises:
            EOFError: the end of input. The prompt's line has been ended.
            KeyboardInterrupt: Ctrl-C. The prompt's line has not been ended.
        """
        self._complete = complete
        while True:
            try:
                # Signals are raised inside alone: stdout comes back whatever happens.
                with _edited_at(self._terminal), self._terminal.waiting_for_a_key():
                    line = _input(prompt)
            except EOFError:
                if not self._ends_line:
                    self._terminal.write_interactive("\n")
                self._note_end()
                raise
            except Suspended as exc:
                self._take_back_line()
                typed = self.typed
                exc.stop()
                self._begin_with(typed)
            except BaseException:
                self._take_back_line()
                raise
            else:
                self._take_back_line()
                return line

    def _begin_with(self, text: str) -> None:
        """Have the next line begin with a text, as if it had been typed."""

        def insert() -> None:
            self._module.set_startup_hook(None)
            self._module.insert_text(text)

        self._module.set_startup_hook(insert)

    def remember(self, entry: str) -> bool:
        """Have an entry come back by the up-arrow; return whether it was not the last one already."""
        entry = entry.replace("\0", "")
        if not entry or entry == self._last:
            return False
        try:
            self._module.add_history(entry)
        except UnicodeEncodeError:
            # The locale lacks a letter. Where it has none but ASCII's, bytes come back as they go in.
            self._module.add_history(entry.encode("utf-8", "replace").decode("ascii", "surrogateescape"))
        self._last = entry
        return True

    @property
    def typed(self) -> str:
        """What has been typed so far."""
        return str(self._module.get_line_buffer())

    # When input has ended in a block, a person goes on. GNU readline does not forget that it has seen the end of input,
    # and from then on ends each line twice, if it looks out for pastes.

    @property
    def _ends_line(self) -> bool:
        return self._pastes and self._version >= _ENDS_LINE

    def _note_end(self) -> None:
        self._input_ended = True
        if self._version >= _UNKNOWN:
            self._module.parse_and_bind("set enable-bracketed-paste off")
            self._pastes = self._terminal.tty.brackets_pastes = False

    def _take_back_line(self) -> None:
        if self._input_ended and self._ends_line:
            self._terminal.write_interactive(_LINE_UP)

    def _match(self, word: str, number: int) -> str | None:
        """Return one match for the word that the cursor stands behind; called with 0, 1, 2 and so on until `None`."""
        if number == 0:
            self._matches = []
            if self._complete is not None:
                line = self.typed[: self._module.get_endidx()]
                begin = self._module.get_begidx()
                self._matches = [whole[begin:] for whole in self._complete(line)]
        return self._matches[number] if number < len(self._matches) else None


@contextmanager
def _edited_at(terminal: Terminal) -> Iterator[None]:
    """Have `input` edit lines though stdout is a pipe or a file: it does where both its sides are a terminal."""
    if terminal.out_is_terminal or terminal.stderr is None:
        yield
        return
    if terminal.stdout is not None:
        terminal.write("")  # what somebody else has left in its buffer
    # Nothing else writes to stdout meanwhile: answers are the main thread's, too.
    stdout = os.dup(_STDOUT)
    try:
        os.dup2(terminal.stderr.fileno(), _STDOUT)
        yield
    finally:
        os.dup2(stdout, _STDOUT)
        os.close(stdout)


def _input(prompt: str) -> str:
    try:
        return input(prompt)
    except SystemError as exc:
        # What CPython makes of a handler's exception when more signals come at once, as when a window is closed.
        if exc.__cause__ is not None:
            raise exc.__cause__ from None
        raise


def _has_a_side(terminal: Terminal) -> bool:
    """Return whether stderr is a terminal that `input` can be given in place of stdout."""
    try:
        return terminal.err_is_terminal and terminal.stdout is not None and terminal.stdout.fileno() == _STDOUT
    except (OSError, ValueError):
        return False


def line_editor(terminal: Terminal) -> LineEditor | None:
    """Return what edits the lines of `input`; `None` where there is no terminal to do it on, or no such module."""
    if not (terminal.in_is_terminal and (terminal.out_is_terminal or _has_a_side(terminal))):
        return None
    try:
        module = importlib.import_module("readline")
    except ImportError:  # as on Windows, whose console edits by itself
        return None
    return LineEditor(module, terminal)
