"""The prompt without a line editor, and on Windows."""

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
from tests.shell.input.keyboard import Keyboard


class Console(io.TextIOWrapper):
    """A terminal that shows the characters of a code page."""

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


def new_prompt(terminal, history=None):
    editor = line_editor(terminal)
    return Prompt(terminal, editor, Recall(editor, history, terminal.warning), lambda line: [])


def test_read_a_line(terminal, typed):
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
def test_a_paste_that_ends_with_a_newline(terminal, typed, pasted, kind, text):
    typed += [pasted]
    entry = new_prompt(terminal).read()
    assert (entry.kind, entry.text) == (kind, text)


def test_a_closed_terminal_ends_the_input(terminal, typed):
    typed += [OSError(5, "Input/output error")]
    with pytest.raises(EOFError):
        new_prompt(terminal).read()


def test_invalid_utf8_is_reported(terminal, typed):
    typed += [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "a\udcff"]
    for _ in range(2):
        with pytest.raises(KaitoError, match="not UTF-8"):
            new_prompt(terminal).read()


def test_characters_outside_the_locale_are_read(terminal, typed):
    typed += ["na\udcc3\udcafve"]
    assert new_prompt(terminal).read().text == "naïve"


def test_end_of_input_ends_the_line_without_a_line_editor(terminal, typed):
    typed += [EOFError()]
    with pytest.raises(EOFError):
        new_prompt(terminal).read()
    assert terminal.stdout.getvalue() == "\n"


def test_no_history_is_saved_without_a_line_editor(terminal, typed, tmp_path):
    typed += ["hello", "bye"]
    prompt = new_prompt(terminal, History(tmp_path / "history"))
    assert [prompt.read().text, prompt.read().text] == ["hello", "bye"]
    assert list(tmp_path.iterdir()) == []


def test_prompts_go_to_stderr_without_a_line_editor():
    err = Keyboard()
    source = new_prompt(Terminal(Keyboard("hello\n"), io.StringIO(), err, {"NO_COLOR": "1"}))
    assert source.read().text == "hello"
    with pytest.raises(EOFError):
        source.read()
    assert err.getvalue() == "> > \n"


def test_the_exit_hint_is_shown_once(terminal, typed):
    typed += [KeyboardInterrupt(), KeyboardInterrupt()]
    prompt = new_prompt(terminal)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            prompt.read()
    assert terminal.stderr.getvalue() == "(Ctrl-D or 'quit' exits)\n"


def test_the_exit_hint_is_not_shown_in_a_block(terminal, typed):
    typed += ['"""', KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        new_prompt(terminal).read()
    assert terminal.stderr.getvalue() == ""


def test_the_prompt_is_shown_again_after_a_suspension(terminal, typed):
    stopped = []
    typed += [Suspended(lambda: stopped.append(terminal.keyboard.reading)), "hello"]
    assert new_prompt(terminal).read().text == "hello"
    assert stopped == [False]


def test_termination_ends_the_line(terminal, typed):
    typed += [Ended(15)]
    with pytest.raises(Ended):
        new_prompt(terminal).read()
    assert terminal.stdout.getvalue() == "\n"


def test_termination_when_the_terminal_is_closed(terminal, typed):
    typed += [Ended(1)]
    prompt = new_prompt(terminal)
    terminal.stdout.close()
    with pytest.raises(Ended):
        prompt.read()


def test_a_blank_block_is_ignored(terminal, typed):
    typed += ['"""', "  ", '"""']
    assert new_prompt(terminal).read().kind is Kind.NOTHING


# Windows


@pytest.mark.usefixtures("windows")
def test_the_exit_hint_and_end_of_input_on_windows(typed):
    err = Keyboard()
    terminal = Terminal(Keyboard(), Keyboard(), err, {"NO_COLOR": "1"})
    typed += [KeyboardInterrupt(), EOFError()]
    prompt = new_prompt(terminal)
    with pytest.raises(KeyboardInterrupt):
        prompt.read()
    assert err.getvalue() == "(Ctrl-Z Enter or 'quit' exits)\n"
    with pytest.raises(EOFError):
        prompt.read()


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp1252", "cp932"])
def test_a_windows_code_page_gets_substitutes(typed, encoding):
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
