"""The shell in this process, with a session that answers as the test wants."""

import io
import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kaito import plugin_sources
from kaito.conversation import Conversation
from kaito.errors import ExitCode, Interrupted, KaitoError
from kaito.plugins import Plugins
from kaito.shell.answer import AnswerWriter
from kaito.shell.shell import Shell
from kaito.shell.sources import Prompt, Source
from kaito.terminal import Terminal
from kaito.types import ChatRequest, Delta, Endpoint, Reply, Usage


class Session:
    """Echoes, or raises what it is told to."""

    def __init__(self):
        self.model = "m\x1b[2J"
        self.settings = SimpleNamespace(system_prompt="Be\x1b[2J brief")
        endpoint = Endpoint(url="http://x", shown_url="http://x/chat/completions", label="w\x1b[2J")
        self.connection = SimpleNamespace(endpoint=endpoint, backend="url", models=())
        self.conversation = Conversation(ChatRequest(messages=(), temperature=0.7, max_tokens=5, top_p=0.9), "Be brief")
        self.reply = None
        self.asked = []
        self.error = None

    def ask(self, text):
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        yield Delta(content=text)
        self.reply = Reply(content=text, finish_reason="stop", usage=Usage(prompt_tokens=1, completion_tokens=2))

    def settle(self):
        """Nothing is told."""


class Lines(Source):
    """Entries from a list; an exception among them is raised."""

    def __init__(self, *lines):
        self._lines = iter(lines)

    def _line(self, prompt):
        line = next(self._lines, EOFError())
        if isinstance(line, BaseException):
            raise line
        return line


class Bench:
    def __init__(self, *lines, **options):
        self.session = cast(Any, Session())
        self.out, self.err = io.StringIO(), io.StringIO()
        self.terminal = Terminal(io.StringIO(), self.out, self.err, {})
        plugins = Plugins(self.terminal.notice)
        plugins.load(plugin_sources.built_in())
        answers = AnswerWriter(self.terminal, plugins, plugins.formatters()["plain"])
        options = {"interactive": False, **options}
        self.shell = Shell(self.session, Lines(*lines), self.terminal, plugins, {}, answers, **options)

    def run(self):
        self.shell.cmdloop()
        return self.out.getvalue(), self.err.getvalue()


def test_nothing_of_cmd_s_own_syntax():
    lines = ["EOF", "?", "!x", "? help", "shell ls", "", "help me"]
    bench = Bench(*lines)
    bench.run()
    assert bench.session.asked == ["EOF", "?", "!x", "? help", "shell ls", "help me"]


def test_onecmd_does_one_line():
    bench = Bench()
    assert bench.shell.onecmd("") is False
    assert bench.shell.onecmd("hello") is False
    assert bench.shell.onecmd("/clear") is False
    assert bench.shell.onecmd("quit") is True
    assert bench.session.asked == ["hello"]


def test_outside_text_is_neutralised_in_the_banner_and_the_status():
    bench = Bench("status", "/status", interactive=True)
    out, err = bench.run()
    assert "\x1b" not in out + err
    assert "Connected to workspace: w (m)" in err
    assert "System prompt: Be brief" in err


@pytest.mark.parametrize("verbose", [False, True])
def test_a_fault_is_told_and_ends_a_script(verbose):
    bench = Bench("one", "two", verbose=verbose)
    bench.session.error = ZeroDivisionError("boom")
    _, err = bench.run()
    assert "This is a bug in kaito: ZeroDivisionError: boom" in err
    assert ("Traceback" in err) is verbose
    assert bench.session.asked == ["one"]
    assert bench.shell.exit_code is ExitCode.FAILED


def test_a_fault_does_not_end_a_session():
    bench = Bench("one", "two", interactive=True)
    bench.session.error = ZeroDivisionError("boom")
    bench.run()
    assert bench.session.asked == ["one", "two"]
    assert bench.shell.exit_code is ExitCode.OK


def test_ctrl_c_at_a_prompt_and_in_a_script():
    bench = Bench("one", KeyboardInterrupt(), "two", interactive=True)
    bench.run()
    assert bench.session.asked == ["one", "two"]
    with pytest.raises(Interrupted):
        Bench("one", KeyboardInterrupt(), "two").run()


def test_an_interrupted_turn_ends_a_script_and_no_session():
    bench = Bench("one", "two", interactive=True)
    bench.session.error = Interrupted()
    bench.run()
    assert bench.session.asked == ["one", "two"]
    bench = Bench("one")
    bench.session.error = Interrupted()
    with pytest.raises(Interrupted):
        bench.run()


def test_a_line_that_cannot_be_read_does_not_end_a_session():
    bench = Bench(KaitoError("bad"), "two", interactive=True)
    _, err = bench.run()
    assert "❌ Error: bad\n" in err
    assert bench.session.asked == ["two"]


def test_a_paste_is_one_message_and_may_hold_a_block():
    source = '"""Module doc."""\nimport os\nprint(1)'
    bench = Bench("help\nme", '"""\na\nb\n"""', '"""a\nb', 'c"""', source)
    bench.run()
    assert bench.session.asked == ["help\nme", "a\nb", "a\nb\nc", source]


def test_the_window_and_the_last_turn_in_the_long_status():
    bench = Bench("hi", "/status")
    out, _ = bench.run()
    assert "  Window: not told by the server\n  Turns: 0\n  Last turn: 1 + 2 tokens\n" in out


class Keyboard(io.StringIO):
    def isatty(self):
        return True


def prompt(terminal, monkeypatch, typed):
    def type_it(prompt):
        if isinstance(typed, BaseException):
            raise typed
        return typed

    monkeypatch.setattr("builtins.input", type_it)
    return Prompt(terminal)


@pytest.fixture
def terminal():
    return Terminal(Keyboard(), Keyboard(), Keyboard(), {"TERM": "dumb"})


def test_what_is_typed(terminal, monkeypatch):
    assert prompt(terminal, monkeypatch, "hello").read().text == "hello"


def test_a_terminal_that_has_gone_ends_the_input(terminal, monkeypatch):
    with pytest.raises(EOFError):
        prompt(terminal, monkeypatch, OSError(5, "Input/output error")).read()


def test_letters_that_are_none(terminal, monkeypatch):
    with pytest.raises(KaitoError, match="not UTF-8"):
        prompt(terminal, monkeypatch, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")).read()


def test_no_line_editor(terminal, monkeypatch):
    monkeypatch.setattr("kaito.shell.sources._readline", lambda: None)
    with pytest.raises(EOFError):
        prompt(terminal, monkeypatch, EOFError()).read()
    assert terminal.stdout.getvalue() == "\n"


def test_a_python_without_readline(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "readline", None)
    from kaito.shell import sources

    assert sources._readline() is None


def test_input_without_a_line_editor_keeps_to_stderr():
    err = Keyboard()
    source = Prompt(Terminal(Keyboard("hello\n"), io.StringIO(), err, {}))
    assert source.read().text == "hello"
    with pytest.raises(EOFError):
        source.read()
    assert err.getvalue() == "> > \n"


def test_signals_are_as_before():
    before = signal.getsignal(signal.SIGINT)
    Bench("hi").run()
    assert signal.getsignal(signal.SIGINT) is before
