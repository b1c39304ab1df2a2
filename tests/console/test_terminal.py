"""What is written to which stream, in which letters and colours."""

import errno
import io
import os
from collections.abc import Callable

import pytest

from kaito.cluster.workspaces.readiness import not_ready_error
from kaito.console.status_line import SHOW_AFTER
from kaito.console.terminal import Terminal
from kaito.errors import ConnectError, ExitCode, KaitoError, OutputClosed, WindowError
from kaito.types import Target


class Stream(io.TextIOWrapper):
    """A stream of a chosen encoding that may say it is a terminal."""

    def __init__(self, *, terminal=False, encoding="utf-8"):
        self._bytes = io.BytesIO()
        super().__init__(self._bytes, encoding=encoding, newline="\n")
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    @property
    def text(self):
        self.flush()
        return self._bytes.getvalue().decode(self.encoding)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def make(*, out=None, err=None, environ=None, color="auto", clock=None):
    out, err = out or Stream(), err or Stream()
    return Terminal(Stream(), out, err, environ or {}, color, clock or Clock())


ERROR = ConnectError("http://x/chat/completions", "refused")


def test_answers_go_to_stdout_and_the_rest_to_stderr():
    terminal = make()
    terminal.write("Assistant: Hi\n")
    terminal.note("a note\x1b[2J")
    terminal.error(ERROR, where="stdin:3")
    assert terminal.stdout.text == "Assistant: Hi\n"
    assert terminal.stderr.text == (
        "a note\n"
        "❌ Error: Unable to connect to workspace endpoint\n"
        "   Endpoint: http://x/chat/completions\n"
        "   Please check if the workspace is running and accessible\n"
        "   refused\n"
        "   at stdin:3\n"
    )


@pytest.mark.parametrize(
    ("color", "environ", "is_terminal", "coloured"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colours(color, environ, is_terminal, coloured):
    terminal = make(err=Stream(terminal=is_terminal), environ=environ, color=color)
    terminal.error(KaitoError("x"))
    terminal.note("y", dim=True)
    if coloured:
        assert terminal.stderr.text == "\x1b[31m❌ Error: x\x1b[0m\n\x1b[2my\x1b[0m\n"
    else:
        assert "\x1b" not in terminal.stderr.text


def test_colours_are_decided_per_stream():
    terminal = make(out=Stream(terminal=True))
    assert terminal.colored(terminal.stdout)
    assert not terminal.colored(terminal.stderr)
    assert terminal.screen().terminal
    assert terminal.screen().colour


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_a_character_that_the_console_lacks_is_replaced(encoding):
    terminal = make(out=Stream(terminal=True, encoding=encoding), err=Stream(encoding=encoding))
    terminal.write_interactive("🤖 Connected to workspace: x (日)\n")
    terminal.error(KaitoError("x"))
    assert terminal.stdout.text == "Connected to workspace: x (?)\n"
    assert terminal.stderr.text == "Error: x\n"
    assert not terminal.screen().unicode


def test_a_character_that_the_console_lacks_is_replaced_in_a_coloured_error():
    terminal = make(err=Stream(encoding="ascii"), color="always")
    terminal.error(KaitoError("x"))
    assert terminal.stderr.text == "\x1b[31mError: x\x1b[0m\n"


def test_half_a_surrogate_pair_is_replaced():
    terminal = make()
    terminal.write("a\ud83db\n")
    assert terminal.stdout.text == "a?b\n"


def test_a_dumb_terminal_gets_no_emoji():
    terminal = make(out=Stream(terminal=True), environ={"TERM": "dumb"})
    terminal.write_interactive("👋 Goodbye, naïve 🤖 !\n")
    terminal.write("🤖 says the model\n")
    assert terminal.stdout.text == "Goodbye, naïve 🤖 !\n🤖 says the model\n"


class Failing(Stream):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(errno.EPIPE, "broken"), ValueError("closed"), OSError(errno.EBADF, "bad")]
)
def test_a_closed_stdout(error):
    terminal = make(out=Failing(error))
    with pytest.raises(OutputClosed) as caught:
        terminal.write("x")
    assert caught.value.exit_code is ExitCode.OUTPUT_CLOSED
    with pytest.raises(OutputClosed):
        terminal.write("y")


def test_a_full_disk():
    terminal = make(out=Failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(KaitoError, match="Cannot write to stdout: No space left on device") as caught:
        terminal.write("x")
    assert caught.value.exit_code is ExitCode.FAILED


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("closed")])
def test_a_closed_stderr_is_ignored(error):
    terminal = make(err=Failing(error))
    terminal.note("x")
    terminal.error(KaitoError("y"))
    terminal.write("z")
    assert terminal.stdout.text == "z"


def test_no_streams_at_all():
    terminal = Terminal(None, None, None, {})
    terminal.note("x")
    assert not terminal.shows_status
    with pytest.raises(OutputClosed):
        terminal.write("x")


def test_a_wait_that_lasts_is_shown_until_the_answer():
    clock = Clock()
    terminal = make(err=Stream(terminal=True), clock=clock)
    terminal.status("connecting\x1b[2J\nnow")
    terminal.tick()
    assert terminal.stderr.text == ""
    clock.now = SHOW_AFTER
    terminal.tick()
    clock.now = 4.2
    terminal.tick()
    terminal.write("Assistant: ")
    terminal.tick()
    assert terminal.stderr.text == "\r\x1b[Kconnecting now …\r\x1b[Kconnecting now … 4 s\r\x1b[K"


def test_a_wait_for_another_try_counts_down():
    clock = Clock()
    terminal = make(err=Stream(terminal=True), clock=clock)
    terminal.status("waiting")
    terminal.retrying("busy", 4.0)
    for clock.now in (0.3, 0.4, 1.0, 3.6, 4.0, 5.2):
        terminal.tick()
    terminal.status("thinking")
    terminal.tick()
    assert terminal.stderr.text.split("\r\x1b[K") == [
        "", "retrying in 4 s: busy", "retrying in 3 s: busy", "retrying in 0 s: busy", "waiting … 4 s", "waiting … 5 s",
        "thinking … 5 s",
    ]  # fmt: skip


def test_without_a_status_line_a_long_wait_for_another_try_is_a_line():
    terminal = make()
    terminal.retrying("busy", 0.9)
    terminal.retrying("busy", 4.0)
    assert terminal.stderr.text == "retrying in 4 s: busy\n"


def test_a_quick_answer_shows_no_status():
    clock = Clock()
    terminal = make(err=Stream(terminal=True), clock=clock)
    terminal.status("waiting")
    terminal.write("Assistant: ")
    clock.now = 10.0
    terminal.tick()
    assert terminal.stderr.text == ""


def test_a_notice_replaces_the_status_for_a_moment():
    clock = Clock()
    terminal = make(err=Stream(terminal=True), clock=clock)
    terminal.status("downloading")
    clock.now = 1.0
    terminal.tick()
    terminal.notice("Downloaded")
    terminal.tick()
    terminal.clear_status()
    assert terminal.stderr.text == ("\r\x1b[Kdownloading … 1 s\r\x1b[KDownloaded\n\r\x1b[Kdownloading … 1 s\r\x1b[K")


@pytest.mark.parametrize(("is_terminal", "environ"), [(False, {}), (True, {"TERM": "dumb"})])
def test_no_status_where_lines_cannot_be_cleared(is_terminal, environ):
    clock = Clock()
    terminal = make(err=Stream(terminal=is_terminal), clock=clock, environ=environ)
    terminal.status("x")
    clock.now = 5.0
    terminal.tick()
    assert terminal.stderr.text == ""


#: The end of an event's message is shown.
EVENT = "waiting: FailedSc…des, 0/3 nodes, 3 lack nvidia.com/gpu …"


@pytest.mark.parametrize(
    ("columns", "text", "line"),
    [
        (20, "x" * 50, "xxxxx…xxxxxxxxx …"),
        (3, "x" * 50, " …"),
        (20, "忙" * 50, "忙忙忙…忙忙忙忙 …"),
        (60, f"waiting: FailedScheduling: {'0/3 nodes, ' * 9}3 lack nvidia.com/gpu", EVENT),
    ],
)
def test_a_long_status_leaves_room_for_ctrl_c(monkeypatch, columns, text, line):
    err = Stream(terminal=True)
    monkeypatch.setattr(err, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda fd: os.terminal_size((columns, 24)))
    monkeypatch.setattr("os.get_blocking", lambda fd: True)
    clock = Clock()
    terminal = make(err=err, clock=clock)
    terminal.status(text)
    clock.now = 0.5
    terminal.tick()
    assert terminal.stderr.text == "\r\x1b[K" + line


def test_interactive_text_goes_to_a_terminal():
    terminal = make(out=Stream(terminal=True))
    terminal.write_interactive("> ")
    assert terminal.stdout.text == "> "
    terminal = make()
    terminal.write_interactive("> ")
    assert (terminal.stdout.text, terminal.stderr.text) == ("", "> ")


def test_ctrl_z_in_the_middle_of_a_write_takes_the_status_off_the_screen():
    reader, writer = os.pipe()

    class Interrupted(io.FileIO):
        """Runs a signal's handler once, when the bytes were written and the buffer does not know that yet."""

        handler: Callable[[], None] | None = None

        def write(self, data):
            count = super().write(data)
            handler, self.handler = self.handler, None
            if handler is not None:
                handler()
            return count

    class Screen(io.TextIOWrapper):
        def isatty(self):
            return True

    raw = Interrupted(writer, "w")
    clock = Clock()
    with open(reader, "rb") as read, Screen(io.BufferedWriter(raw), encoding="utf-8") as err:
        terminal = make(err=err, clock=clock)
        terminal.status("waiting")

        def stop():
            with terminal.handed_over():
                pass

        raw.handler = stop
        clock.now = 0.5
        terminal.tick()
        assert os.read(read.fileno(), 99) == "\r\x1b[Kwaiting …\r\x1b[K".encode()
        clock.now = 0.6
        terminal.tick()
        assert os.read(read.fileno(), 99) == "\r\x1b[Kwaiting …".encode()


@pytest.fixture
def narrow(monkeypatch):
    """Return a terminal of 40 columns."""
    err = Stream(terminal=True)
    monkeypatch.setattr(err, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda fd: os.terminal_size((40, 24)))
    monkeypatch.setattr("os.get_blocking", lambda fd: True)
    return make(err=err, environ={"NO_COLOR": "1"})


def test_errors_and_notices_are_broken_between_words(narrow):
    narrow.error(KaitoError("config.toml, line 3: temperature: '9' is not a number"))
    narrow.notice("There is no list of models: recent versions of KAITO publish none")
    narrow.notice("   They deploy any model that vLLM supports: --model ORGANISATION/MODEL")
    narrow.note("plugin: a table  with its own lines, which are left alone")
    assert narrow.stderr.text == (
        "❌ Error: config.toml, line 3:\n   temperature: '9' is not a number\n"
        "There is no list of models: recent\n  versions of KAITO publish none\n"
        "   They deploy any model that vLLM\n     supports: --model\n     ORGANISATION/MODEL\n"
        "plugin: a table  with its own lines, which are left alone\n"
    )


def test_what_verbose_says_is_broken_between_words_and_keeps_its_lines(narrow):
    narrow.explain("plugin url: kaito_connect took 3 ms, (context gpu-cluster, namespace team-a)\n  next")
    assert narrow.stderr.text == (
        "plugin url: kaito_connect took 3 ms,\n  (context gpu-cluster, namespace\n  team-a)\n  next\n"
    )


@pytest.mark.parametrize(
    ("error", "documented"),
    [
        (ConnectError("http://my-workspace.default.svc.cluster.local/chat/completions"), 3),
        (not_ready_error(Target(workspace="my-workspace"), ["Pulling"]), 2),
        (WindowError(1500, 1024), 2),
    ],
)
def test_what_is_documented_is_not_broken(narrow, error, documented):
    narrow.error(error)
    assert narrow.stderr.text.splitlines()[:documented] == error.lines()[:documented]


def test_hints_fit_the_window_and_commands_stay_whole(monkeypatch):
    err = Stream(terminal=True)
    monkeypatch.setattr(err, "fileno", lambda: 2)
    monkeypatch.setattr("os.get_terminal_size", lambda fd: os.terminal_size((40, 24)))
    monkeypatch.setattr("os.get_blocking", lambda fd: True)
    terminal = make(err=err, environ={"NO_COLOR": "1"})
    command = "Use 'kubectl kaito status --workspace-name my-llama -n team-a' to check status"
    terminal.error(KaitoError("x", command, "The window holds 8 tokens, prompt and answer; 'clear' would not help"))
    assert terminal.stderr.text == (
        f"❌ Error: x\n   {command}\n   The window holds 8 tokens, prompt\n     and answer; 'clear' would not help\n"
    )


@pytest.mark.parametrize("to_stdout", [True, False])
def test_ctrl_c_that_is_pressed_while_a_line_is_written_ends_its_line(to_stdout):
    """A key may be pressed as soon as the text is on the screen, before the call that writes it has returned."""
    clock = Clock()
    clock.now = 1.0

    class Slow(Stream):
        def flush(self):
            super().flush()
            clock.now += 1.0

    out, err = Slow(terminal=True), Slow(terminal=True)
    terminal = Terminal(Stream(terminal=True), out, err, {}, clock=clock)
    pressed = clock.now + 0.5
    (terminal.write if to_stdout else terminal.note)("Forwarding\n" if to_stdout else "Forwarding")
    terminal.end_line_of_ctrl_c(pressed)
    assert (out.text + err.text).count("\n") == 2
    later = clock.now
    terminal.note("Closing")
    terminal.end_line_of_ctrl_c(later - 5.0)
    assert (out.text + err.text).count("\n") == 3


def test_a_remark_on_an_error_is_one_sentence():
    terminal = make()
    terminal.warning(
        KaitoError("The file is damaged: /X", "To begin a new one: mv X Y", "KAITO_HISTORY=off keeps nothing")
    )
    terminal.warning(KaitoError("KAITO_X is wrong"))
    assert terminal.stderr.text == (
        "(the file is damaged: /X; to begin a new one: mv X Y; KAITO_HISTORY=off keeps nothing)\n(KAITO_X is wrong)\n"
    )
