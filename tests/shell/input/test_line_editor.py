"""Line editing with simulated libraries: GNU readline in several versions, libedit, and none."""

import io
from types import ModuleType
from typing import Any, cast

import pytest

from kaito.console.terminal import Terminal
from kaito.errors import Suspended
from kaito.shell.input.line_editor import LineEditor, line_editor
from tests.shell.input.keyboard import Keyboard


class Readline(ModuleType):
    """A `readline` module that records how it is used."""

    def __init__(self, *, libedit=False, version=0x802):
        super().__init__("readline")
        self.__doc__ = f"Importing this module enables line editing using {'libedit' if libedit else 'GNU'} readline."
        if not libedit:
            self._READLINE_RUNTIME_VERSION = version
        self.bound, self.history = [], []
        self.buffer, self.begin = "", 0
        self.hook: Any = None

    def parse_and_bind(self, text):
        self.bound.append(text)

    def set_auto_history(self, on):
        self.auto = on

    def set_completer(self, complete):
        self.complete = complete

    def set_completer_delims(self, characters):
        self.delimiters = characters

    def add_history(self, entry):
        self.history.append(entry)

    def get_line_buffer(self):
        return self.buffer

    def get_begidx(self):
        return self.begin

    def get_endidx(self):
        return len(self.buffer)

    def set_startup_hook(self, hook):
        self.hook = hook

    def insert_text(self, text):
        self.buffer = text


@pytest.fixture
def terminal():
    return Terminal(Keyboard(), Keyboard(), Keyboard(), {"TERM": "xterm", "NO_COLOR": "1"})


BYTES = ["set input-meta on", "set output-meta on", "set convert-meta off"]
PASTE_ON, PASTE_OFF = "set enable-bracketed-paste on", "set enable-bracketed-paste off"


@pytest.mark.parametrize(
    ("options", "term", "bound"),
    [
        ({}, "xterm", ["tab: complete", *BYTES, PASTE_ON]),
        ({"version": 0x700}, "xterm", ["tab: complete", *BYTES, PASTE_ON]),
        ({"version": 0x603}, "xterm", ["tab: complete", *BYTES]),
        ({}, "dumb", ["tab: complete", *BYTES]),
        ({"libedit": True}, "xterm", ["bind ^I rl_complete"]),
    ],
)
def test_each_library_is_configured_in_its_own_syntax(options, term, bound):
    module = Readline(**options)
    LineEditor(module, Terminal(Keyboard(), Keyboard(), Keyboard(), {"TERM": term}))
    assert module.bound == bound
    assert module.auto is False
    assert not set(module.delimiters) & set("-/\"'")


@pytest.mark.parametrize(
    ("options", "first", "later"),
    [
        ({"version": 0x802}, "", "\x1b[A"),
        ({"version": 0x801}, "", "\x1b[A"),
        ({"version": 0x803}, "", ""),
        ({"version": 0x800}, "\n", ""),
        ({"libedit": True}, "\n", ""),
    ],
)
def test_end_of_input_ends_the_prompt_s_line_once(terminal, typed, options, first, later):
    module = Readline(**options)
    editor = LineEditor(module, terminal)
    typed += ["before", EOFError(), "after", KeyboardInterrupt()]
    assert editor.read("> ", None) == "before"
    assert terminal.stdout.getvalue() == ""
    with pytest.raises(EOFError):
        editor.read("... ", None)
    assert terminal.stdout.getvalue() == first
    assert editor.read("> ", None) == "after"
    assert terminal.stdout.getvalue() == first + later
    with pytest.raises(KeyboardInterrupt):
        editor.read("> ", None)
    assert terminal.stdout.getvalue() == first + 2 * later
    assert (PASTE_OFF in module.bound) is (options.get("version") == 0x803)


def test_repeated_and_empty_entries_are_not_remembered(terminal):
    module = Readline()
    editor = LineEditor(module, terminal)
    assert [editor.remember(entry) for entry in ("a", "a", "b\0", "", "a")] == [True, False, True, False, True]
    assert module.history == ["a", "b", "a"]


def test_an_entry_with_characters_outside_the_locale(terminal):
    class Ascii(Readline):
        def add_history(self, entry):
            self.history.append(entry.encode("ascii", "surrogateescape"))

    module = Ascii()
    assert LineEditor(module, terminal).remember("café 🤖")
    assert module.history == ["café 🤖".encode()]


def test_completion_replaces_the_word_before_the_cursor(terminal, typed):
    module = Readline()
    editor = LineEditor(module, terminal)
    lines = []

    def complete(line):
        lines.append(line)
        return ["/set max-tokens ", "/set model"]

    def press_tab():
        module.buffer, module.begin = "/set m", 5
        return [module.complete("m", number) for number in range(3)]

    typed += [press_tab, press_tab]
    assert cast(Any, editor.read("> ", complete)) == ["max-tokens ", "model", None]
    assert lines == ["/set m"]
    assert cast(Any, editor.read("... ", None)) == [None, None, None]


def test_the_line_is_restored_after_a_suspension(terminal, typed):
    module = Readline()
    editor = LineEditor(module, terminal)
    order = []

    def suspend():
        assert terminal.keyboard.reading
        module.buffer = "hal"
        raise Suspended(lambda: order.append(("stopped", terminal.keyboard.reading)))

    def resume():
        module.buffer = ""
        module.hook()
        return module.buffer + "f"

    typed += [suspend, resume]
    assert editor.read("> ", None) == "half"
    assert order == [("stopped", False)]
    assert module.hook is None
    assert not terminal.keyboard.reading


def test_no_line_editor_without_a_terminal_or_readline(terminal, monkeypatch):
    assert line_editor(Terminal(Keyboard(), io.StringIO(), Keyboard(), {})) is None
    monkeypatch.setitem(__import__("sys").modules, "readline", None)
    assert line_editor(terminal) is None
