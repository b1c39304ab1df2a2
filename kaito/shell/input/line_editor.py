"""Line editing with GNU readline or libedit, and what differs between the two."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from kaito.console.terminal import Terminal
from kaito.errors import Suspended
from kaito.shell.input.utf8_locale import provide_utf8_locale

#: Returns the whole lines that a partial line can become.
Complete = Callable[[str], Sequence[str]]

# GNU readline versions: the first with bracketed paste, the first that ends the prompt's line at the end of input, and
# the first whose behaviour after that is untested.
_PASTES, _ENDS_LINE, _UNTESTED = 0x700, 0x801, 0x803

# Without a UTF-8 locale, GNU readline takes the bytes of letters for Meta keys.
_EIGHT_BITS = ("set input-meta on", "set output-meta on", "set convert-meta off")

_STDOUT = 1

_LINE_UP = "\x1b[A"

# In a prompt, both editors count no columns for a sequence between these characters.
_INVISIBLE = ("\001", "\002")


class LineEditor:
    """The line editor that `input` uses once the module `readline` was imported.

    Args:
        module: `readline`, which may be libedit under that name.
    """

    def __init__(self, module: ModuleType, terminal: Terminal) -> None:
        self._module = module
        self._terminal = terminal
        self._complete: Complete | None = None
        self._matches: list[str] = []
        self._last = ""
        is_gnu = "libedit" not in (module.__doc__ or "")
        version = getattr(module, "_READLINE_RUNTIME_VERSION", 0) if is_gnu else 0
        #: Whether a paste comes as one entry, its lines together.
        self.takes_pastes = version >= _PASTES and not terminal.is_dumb
        self._version = version
        self._input_ended = False
        module.set_auto_history(False)
        module.set_completer(self._match)
        # Names may contain the other default delimiters.
        module.set_completer_delims(" \t\n")
        module.parse_and_bind("tab: complete" if is_gnu else "bind ^I rl_complete")
        if is_gnu:
            for setting in _EIGHT_BITS:
                module.parse_and_bind(setting)
        if self.takes_pastes:
            # A paste is one entry; none of its lines runs as a command. Python turns this off by default.
            module.parse_and_bind("set enable-bracketed-paste on")

    def read(self, prompt: str, complete: Complete | None) -> str:
        """Return an edited line, or a paste of several.

        Args:
            complete: completes the line at the Tab key; `None` disables Tab.

        Raises:
            EOFError: the end of input. The cursor is on a new line.
            KeyboardInterrupt: Ctrl-C. The cursor is still on the prompt's line.
        """
        self._complete = complete
        while True:
            try:
                # Signals raise inside only: stdout is restored in every case.
                with (
                    self._terminal.typing() as color,
                    _edited_at(self._terminal),
                    self._terminal.waiting_for_a_key(),
                ):
                    line = _input(f"{_INVISIBLE[0]}{color}{_INVISIBLE[1]}{prompt}" if color else prompt)
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
        """Insert a text into the next line, as if it had been typed."""

        def insert() -> None:
            self._module.set_startup_hook(None)
            self._module.insert_text(text)

        self._module.set_startup_hook(insert)

    def remember(self, entry: str) -> bool:
        """Add an entry to the up-arrow's history; return `False` if it equals the last one."""
        entry = entry.replace("\0", "")
        if not entry or entry == self._last:
            return False
        try:
            self._module.add_history(entry)
        except UnicodeEncodeError:
            # The locale cannot encode the entry. An ASCII locale passes the bytes through.
            self._module.add_history(entry.encode("utf-8", "replace").decode("ascii", "surrogateescape"))
        self._last = entry
        return True

    @property
    def typed(self) -> str:
        """The text typed so far."""
        return str(self._module.get_line_buffer())

    # After Ctrl-D inside a block the user continues. GNU readline keeps its end-of-input flag and from then on ends
    # every line twice, if bracketed paste is on.

    @property
    def _ends_line(self) -> bool:
        return self.takes_pastes and self._version >= _ENDS_LINE

    def _note_end(self) -> None:
        self._input_ended = True
        if self._version >= _UNTESTED:
            self._module.parse_and_bind("set enable-bracketed-paste off")
            self.takes_pastes = False

    def _take_back_line(self) -> None:
        if self._input_ended and self._ends_line:
            self._terminal.write_interactive(_LINE_UP)

    def _match(self, word: str, number: int) -> str | None:
        """Return one match for the word before the cursor; called with 0, 1, 2 and so on until it returns `None`."""
        if number == 0:
            self._matches = []
            if self._complete is not None:
                line = self.typed[: self._module.get_endidx()]
                begin = self._module.get_begidx()
                self._matches = [whole[begin:] for whole in self._complete(line)]
        return self._matches[number] if number < len(self._matches) else None


@contextmanager
def _edited_at(terminal: Terminal) -> Iterator[None]:
    """Point stdout at the terminal while `input` runs: it edits lines only if stdin and stdout are terminals."""
    if terminal.out_is_terminal or terminal.stderr is None:
        yield
        return
    if terminal.stdout is not None:
        terminal.write("")  # flushes what other code left in the buffer
    # Only the main thread writes to stdout, and it is here.
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
        # CPython wraps a signal handler's exception when several signals arrive at once, as when a window closes.
        if exc.__cause__ is not None:
            raise exc.__cause__ from None
        raise


def _can_edit_on_stderr(terminal: Terminal) -> bool:
    """Return whether stderr is a terminal that can stand in for stdout."""
    try:
        return terminal.err_is_terminal and terminal.stdout is not None and terminal.stdout.fileno() == _STDOUT
    except (OSError, ValueError):
        return False


def line_editor(terminal: Terminal) -> LineEditor | None:
    """Return the line editor; `None` without a terminal or without the module `readline`."""
    if not (terminal.in_is_terminal and (terminal.out_is_terminal or _can_edit_on_stderr(terminal))):
        return None
    provide_utf8_locale()
    try:
        module = importlib.import_module("readline")
    except ImportError:  # Windows: its console edits lines itself
        return None
    return LineEditor(module, terminal)
