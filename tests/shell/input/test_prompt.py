"""The prompt in this process, on systems that have no line editor, or another keyboard's habits."""

import io
import sys

import pytest

from kaito.console.terminal import Terminal
from kaito.errors import Ended, KaitoError, Suspended
from kaito.shell.input.entries import Kind
from kaito.shell.input.input_history import History
from kaito.shell.input.line_editor import line_editor
from kaito.shell.input.prompt import Prompt
from kaito.shell.input.recall import Recall


class Keyboard(io.StringIO):
    def isatty(self):
        return True


class Console(io.TextIOWrapper):
    """A terminal that shows the letters of a code page."""

    def __init__(self, encoding):
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding=encoding, newline="\n", write_through=True)

    def isatty(self):
        return True

    @property
    def bytes(self):
        return self._bytes.getvalue()


@pytest.fixture
def no_readline(monkeypatch):
    monkeypatch.setitem(sys.modules, "readline", None)


@pytest.fixture
def windows(monkeypatch, no_readline):
    """Simulate a system without readline, termios and fcntl."""
    monkeypatch.setattr(sys, "platform", "win32")
    for name in ("termios", "fcntl"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def terminal(no_readline):
    return Terminal(Keyboard(), Keyboard(), Keyboard(), {"TERM": "dumb"})


@pytest.fixture
def typed(monkeypatch):
    """Have `input` return or raise what is in a list, one after the other."""
    steps = []

    def type_it(prompt):
        step = steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step

    monkeypatch.setattr("builtins.input", type_it)
    return steps


def new_prompt(terminal, history=None):
    editor = line_editor(terminal)
    return Prompt(terminal, editor, Recall(editor, history, terminal.warning), lambda line: [])


def test_what_is_typed(terminal, typed):
    typed += ["hello"]
    assert new_prompt(terminal).read().text == "hello"


@pytest.mark.parametrize(
    ("pasted", "kind", "text"),
    [
        ("quit\n", Kind.WORD, "quit"),
        ("/set temperature 0.3\n", Kind.SLASH, "set"),
        ("one line\n", Kind.MESSAGE, "one line"),
        ("one\nquit\n", Kind.MESSAGE, "one\nquit"),
        ("quit\n\n", Kind.MESSAGE, "quit\n"),
        ('"""\none\n"""\n', Kind.MESSAGE, "one"),
    ],
)
def test_a_paste_with_its_last_line_s_end(terminal, typed, pasted, kind, text):
    typed += [pasted]
    entry = new_prompt(terminal).read()
    assert (entry.kind, entry.text) == (kind, text)


def test_a_terminal_that_has_gone_ends_the_input(terminal, typed):
    typed += [OSError(5, "Input/output error")]
    with pytest.raises(EOFError):
        new_prompt(terminal).read()


def test_letters_that_are_none(terminal, typed):
    typed += [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "a\udcff"]
    for _ in range(2):
        with pytest.raises(KaitoError, match="not UTF-8"):
            new_prompt(terminal).read()


def test_letters_that_the_locale_does_not_have(terminal, typed):
    typed += ["na\udcc3\udcafve"]
    assert new_prompt(terminal).read().text == "naïve"


def test_without_a_line_editor_the_end_of_input_ends_the_line(terminal, typed):
    typed += [EOFError()]
    with pytest.raises(EOFError):
        new_prompt(terminal).read()
    assert terminal.stdout.getvalue() == "\n"


def test_without_a_line_editor_nothing_is_kept(terminal, typed, tmp_path):
    typed += ["hello", "bye"]
    prompt = new_prompt(terminal, History(tmp_path / "history"))
    assert [prompt.read().text, prompt.read().text] == ["hello", "bye"]
    assert list(tmp_path.iterdir()) == []


def test_input_without_a_line_editor_keeps_to_stderr():
    err = Keyboard()
    source = new_prompt(Terminal(Keyboard("hello\n"), io.StringIO(), err, {}))
    assert source.read().text == "hello"
    with pytest.raises(EOFError):
        source.read()
    assert err.getvalue() == "> > \n"


def test_how_to_leave_is_told_once(terminal, typed):
    typed += [KeyboardInterrupt(), KeyboardInterrupt()]
    prompt = new_prompt(terminal)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            prompt.read()
    assert terminal.stderr.getvalue() == "(Ctrl-D or 'quit' exits)\n"


def test_how_to_leave_is_not_told_in_a_block(terminal, typed):
    typed += ['"""', KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        new_prompt(terminal).read()
    assert terminal.stderr.getvalue() == ""


def test_after_a_suspension_the_prompt_comes_again(terminal, typed):
    stopped = []
    typed += [Suspended(lambda: stopped.append(terminal.keyboard.reading)), "hello"]
    assert new_prompt(terminal).read().text == "hello"
    assert stopped == [False]


def test_the_end_of_the_process_ends_the_line(terminal, typed):
    typed += [Ended(15)]
    with pytest.raises(Ended):
        new_prompt(terminal).read()
    assert terminal.stdout.getvalue() == "\n"


def test_the_end_of_the_process_when_the_terminal_has_gone(terminal, typed):
    typed += [Ended(1)]
    prompt = new_prompt(terminal)
    terminal.stdout.close()
    with pytest.raises(Ended):
        prompt.read()


def test_a_block_of_blanks_is_nothing(terminal, typed):
    typed += ['"""', "  ", '"""']
    assert new_prompt(terminal).read().kind is Kind.NOTHING


# Windows


@pytest.mark.usefixtures("windows")
def test_on_windows_ctrl_z_and_enter_end_the_input(typed):
    err = Keyboard()
    terminal = Terminal(Keyboard(), Keyboard(), err, {"NO_COLOR": "1"})
    typed += [KeyboardInterrupt(), EOFError()]
    prompt = new_prompt(terminal)
    with pytest.raises(KeyboardInterrupt):
        prompt.read()
    assert err.getvalue() == "(Ctrl-Z and Enter, or 'quit', exits)\n"
    with pytest.raises(EOFError):
        prompt.read()


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp1252", "cp932"])
def test_on_windows_a_code_page_shows_what_it_can(typed, encoding):
    out, err = Console(encoding), Console(encoding)
    terminal = Terminal(Keyboard(), out, err, {}, "never")
    typed += ["naïve 🤖"]
    assert new_prompt(terminal).read().text == "naïve 🤖"
    with terminal.muted(mark_pastes=True), terminal.handed_over():
        terminal.write_interactive("👋 Goodbye!\n")
        terminal.write("naïve 🤖\n")
        terminal.note("🗑️ Conversation history cleared")
        terminal.error(KaitoError("x"))
    assert out.bytes.startswith(b"Goodbye!\nna")
    assert out.bytes.endswith(b"ve ?\n")
    assert err.bytes == b"Conversation history cleared\nError: x\n"
