"""Terminal sessions: keyboard, screen, streams and cleanup."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from kaito.testing import TerminalSession

pytest.importorskip("pyte")
if os.name != "posix":
    pytest.skip("there are no pseudo-terminals here", allow_module_level=True)

PYTHON = [sys.executable, "-u", "-c"]
READY = "import os, sys, signal, time; print('ready', flush=True);"


def test_typing_and_echo(terminal):
    session = terminal([*PYTHON, "name = input('Who? '); print(f'Hello, {name}!')"])
    session.wait_for("Who? ")
    session.type("wörld")
    session.press("enter")
    session.wait_for("Hello, wörld!")
    assert session.wait_exit() == 0
    assert session.screen == "Who? wörld\nHello, wörld!"
    assert session.raw == "Who? wörld\r\nHello, wörld!\r\n".encode()


def test_the_exit_code(terminal):
    assert terminal([*PYTHON, "raise SystemExit(7)"]).wait_exit() == 7
    assert terminal([*PYTHON, "import os; os.kill(os.getpid(), 9)"]).wait_exit() == -signal.SIGKILL


def test_a_program_that_does_not_exist(terminal):
    session = terminal(["no-such-program"])
    assert session.wait_exit() == 127
    assert "no-such-program: " in session.screen


def test_a_missing_folder_leaves_no_file_open(terminal, tmp_path):
    def files() -> int:
        return len(os.listdir("/dev/fd"))

    before = files()
    with pytest.raises(FileNotFoundError):
        terminal([*PYTHON, ""], cwd=tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        terminal([*PYTHON, ""], stdin=tmp_path / "none")
    assert files() == before


def test_without_pyte_the_error_says_what_to_install(terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaito.testing.screen", None)
    with pytest.raises(RuntimeError, match=r"needs the package 'pyte'\. To install it: .* install pyte$"):
        terminal([*PYTHON, ""])


def test_without_posix(monkeypatch):
    monkeypatch.setattr("kaito.testing.terminal_session.os.name", "nt")
    with pytest.raises(RuntimeError, match="needs a POSIX system"):
        TerminalSession([*PYTHON, ""])


def test_ctrl_c_sends_sigint(terminal):
    session = terminal([*PYTHON, f"{READY} time.sleep(3600)"])
    session.wait_for("ready")
    session.press("ctrl-c")
    assert session.wait_exit() in (-signal.SIGINT, 130, 1)
    assert "KeyboardInterrupt" in session.transcript


def test_ctrl_c_reaches_the_foreground_processes(terminal):
    code = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: print("caught"))
subprocess.run([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(3600)"])
print("over")
"""
    session = terminal([*PYTHON, code])
    session.wait_for("1")
    session.press("ctrl-c")
    session.wait_for("over")
    assert "caught" in session.transcript
    assert "KeyboardInterrupt" in session.transcript


def test_ctrl_d_ends_the_input(terminal):
    session = terminal([*PYTHON, f"{READY} print(repr(sys.stdin.read()))"])
    session.wait_for("ready")
    session.type("one\n")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert "'one\\n'" in session.screen


def test_ctrl_z_in_a_shell(terminal, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import signal\nsignal.signal(signal.SIGCONT, lambda *_: print('again'))\n"
        "print('ready', flush=True)\nwhile True: signal.pause()\n"
    )
    session = terminal(["bash", "--norc", "--noprofile", "-i"], env={"PS1": "@ ", "HISTFILE": None})
    session.wait_for("@ ")
    session.type(f"'{sys.executable}' -u '{program}'\n")
    session.wait_for("ready")
    session.press("ctrl-z")
    session.wait_for("Stopped")
    session.wait_for("\n@ ")
    session.type("fg\n")
    session.wait_for("again")
    session.press("ctrl-c")
    session.wait_for("KeyboardInterrupt\n\n@ ")
    session.type("exit 3\n")
    assert session.wait_exit() == 3


def test_a_stdin_pipe_that_is_full(terminal):
    session = terminal([*PYTHON, f"{READY} time.sleep(0.5); print(len(sys.stdin.read()))"], stdin="pipe")
    session.send(b"x" * 300_000)
    session.close_stdin()
    session.wait_for("300000")


def test_the_terminal_is_the_controlling_terminal(terminal):
    session = terminal([*PYTHON, "import os; print(os.getsid(0) == os.getpid() == os.tcgetpgrp(0))"])
    session.wait_for("True")
    session = terminal(
        [*PYTHON, "with open('/dev/tty', 'w') as tty: tty.write('from tty')"], stdin="null", stdout="null"
    )
    session.wait_for("from tty")


def test_the_names_of_keys(terminal):
    code = """
import os, sys, termios, tty
tty.setraw(0)
print("ready", end="", flush=True)
while (data := os.read(0, 64)) != b"q":
    print(repr(data), end="", flush=True)
"""
    session = terminal([*PYTHON, code])
    session.wait_for("ready")
    for name, expected in [
        ("ctrl-c", r"b'\x03'"),
        ("ctrl-\\", r"b'\x1c'"),
        ("enter", r"b'\r'"),
        ("up", r"b'\x1b[A'"),
        ("backspace", r"b'\x7f'"),
    ]:
        session.press(name)
        session.wait_for(expected)
    with pytest.raises(KeyError):
        session.press("any")
    session.type("q")
    assert session.wait_exit() == 0


def test_bracketed_paste(terminal):
    code = """
import os, tty
tty.setraw(0)
for start in ("", "\\x1b[?2004h"):
    print(start + "ready", end="", flush=True)
    print(repr(os.read(0, 64)), end="", flush=True)
"""
    session = terminal([*PYTHON, code])
    session.wait_for("ready")
    session.paste("a\nb")
    session.wait_for(r"b'a\rb'")
    session.wait_for("ready", count=2)
    session.paste("a\nb")
    session.wait_for(r"b'\x1b[200~a\rb\x1b[201~'")


def test_a_large_paste(terminal):
    code = "import sys, tty; tty.setraw(0); print('ready', flush=True); print(len(sys.stdin.buffer.read(300_000)))"
    session = terminal([*PYTHON, code])
    session.wait_for("ready")
    session.type("x" * 300_000)
    session.wait_for("300000")


def test_much_output(terminal):
    session = terminal([*PYTHON, "for number in range(5000): print(number)"], rows=5)
    assert session.wait_exit() == 0
    assert session.transcript.split("\n") == [str(number) for number in range(5000)]
    assert session.screen == "4996\n4997\n4998\n4999"


def test_the_screen_applies_control_sequences(terminal):
    session = terminal([*PYTHON, r"print('loading…\r\x1b[K\x1b[1mdone\x1b[0m 日本 x')"])
    assert session.wait_exit() == 0
    assert session.screen == "done 日本 x"
    assert "loading…".encode() in session.raw
    assert session.cursor == (0, 1)


def test_lines_that_scrolled_off_are_kept_with_wide_characters(terminal):
    session = terminal([*PYTHON, "print('日本 x'); print('\\n' * 9)"], rows=4)
    session.wait_exit()
    assert session.transcript == "日本 x"
    assert session.screen == ""


def test_size_and_resizing(terminal):
    code = """
import os, signal
show = lambda *_: print("%dx%d" % os.get_terminal_size(0))
signal.signal(signal.SIGWINCH, show)
show()
while True:
    signal.pause()
"""
    session = terminal([*PYTHON, code], columns=100, rows=10)
    session.wait_for("100x10")
    session.resize(40, 20)
    session.wait_for("40x20")


def test_resizing_loses_nothing_above_the_cursor(terminal):
    session = terminal([*PYTHON, "for n in range(8): print(n)\ninput('prompt> ')"], rows=12)
    session.wait_for("prompt> ")
    session.resize(80, 4)
    assert session.screen == "5\n6\n7\nprompt>"
    assert session.transcript == "0\n1\n2\n3\n4\n5\n6\n7\nprompt>"
    session.type("x")
    session.wait_for("prompt> x")


def test_the_terminal_reports_its_cursor_position(terminal):
    code = r"""
import os, tty
tty.setraw(0)
print("abc\x1b[6n", end="", flush=True)
print(repr(os.read(0, 64)), end="", flush=True)
"""
    terminal([*PYTHON, code]).wait_for(r"b'\x1b[1;4R'")


def test_keyboard_modes_are_ignored(terminal):
    session = terminal([*PYTHON, r"print('\x1b[>4;2mx')"])
    session.wait_exit()
    assert session.screen == "x"


def test_the_environment(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "33")
    monkeypatch.setenv("SECRET", "x")
    names = "TERM COLUMNS SECRET ADDED"
    code = f"import os; print([os.environ.get(name) for name in '{names}'.split()])"
    session = terminal([*PYTHON, code], env={"SECRET": None, "ADDED": "y"})
    session.wait_for("['xterm-256color', None, None, 'y']")


def test_the_folder(terminal, tmp_path):
    code = "import os; print(os.path.samefile('.', os.environ['HERE']))"
    terminal([*PYTHON, code], cwd=tmp_path, env={"HERE": str(tmp_path)}).wait_for("True")


SHOW_STREAMS = """
import os, stat, sys
def kind(fd):
    mode = os.fstat(fd).st_mode
    if os.isatty(fd): return "terminal"
    return "pipe" if stat.S_ISFIFO(mode) else "file" if stat.S_ISREG(mode) else "null"
kinds = " ".join(kind(fd) for fd in range(3))
text = "" if kind(0) == "terminal" else sys.stdin.read()
print("out", kinds, text)
print("err", file=sys.stderr)
"""


@pytest.mark.parametrize("stdin", ["terminal", "pipe", "null", "file"])
@pytest.mark.parametrize("stdout", ["terminal", "pipe", "null", "file"])
@pytest.mark.parametrize("stderr", ["terminal", "pipe", "null", "file"])
def test_every_combination_of_streams(terminal, tmp_path, stdin, stdout, stderr):
    paths = {name: tmp_path / name for name in ("stdin", "stdout", "stderr")}
    paths["stdin"].write_bytes(b"given")

    def stream(name: str, kind: Any) -> Any:
        return paths[name] if kind == "file" else kind

    session = terminal(
        [*PYTHON, SHOW_STREAMS],
        stdin=stream("stdin", stdin),
        stdout=stream("stdout", stdout),
        stderr=stream("stderr", stderr),
    )
    if stdin == "pipe":
        session.send(b"given")
        session.close_stdin()
    assert session.wait_exit() == 0
    written = f"out {stdin} {stdout} {stderr} {'given' if stdin in ('pipe', 'file') else ''}"
    for name, kind, log, text in (("stdout", stdout, session.out, written), ("stderr", stderr, session.err, "err")):
        assert log.decode() == (f"{text}\n" if kind == "pipe" else "")
        assert (text.strip() in session.screen) == (kind == "terminal")
        if kind == "file":
            assert paths[name].read_text() == f"{text}\n"


def test_send_needs_a_stdin_pipe(terminal):
    session = terminal([*PYTHON, "input()"])
    with pytest.raises(ValueError, match="stdin is not a pipe"):
        session.send(b"x")


def test_a_failure_shows_the_screen_and_all_bytes(terminal):
    code = "import sys; print('failed', file=sys.stderr); print('shown\\x1b[m'); input()"
    session = terminal([*PYTHON, code], stderr="pipe")
    session.wait_for(lambda session: session.raw.endswith(b"\n"))
    with pytest.raises(AssertionError) as caught:
        session.wait_for("never", timeout=0.2)
    message = str(caught.value)
    assert "'never' did not appear within 0.2 s; it is still running" in message
    assert "-- screen\nshown\n" in message
    assert r"b'shown\x1b[m\r\n'" in message
    assert "-- bytes written to stderr\nb'failed\\n'" in message
    with pytest.raises(AssertionError, match="did not exit within"):
        session.wait_exit(0.05)


def test_waiting_ends_when_the_program_exits(terminal):
    begin = time.monotonic()
    with pytest.raises(AssertionError, match="it exited with 4"):
        terminal([*PYTHON, "raise SystemExit(4)"]).wait_for("never", timeout=3600)
    assert time.monotonic() - begin < 60


def test_waiting_for_a_condition(terminal):
    session = terminal([*PYTHON, "print('a\\nb\\nc')"])
    session.wait_for(lambda s: s.raw.count(b"\n") == 3)


@pytest.mark.parametrize("signals", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
def test_close_ends_the_program(terminal, signals):
    before = threading.active_count()
    session = terminal([*PYTHON, f"import signal; {signals} {READY} time.sleep(3600)"])
    session.wait_for("ready")
    session.close()
    session.close()
    with pytest.raises(ProcessLookupError):
        os.kill(session.pid, 0)
    assert threading.active_count() == before


def test_close_ends_the_programs_children(terminal):
    code = "import subprocess, sys; p = subprocess.Popen(['sleep', '3600']); print(p.pid, flush=True); p.wait()"
    session = terminal([*PYTHON, code])
    session.wait_for(lambda s: s.raw.endswith(b"\n"))
    child = int(session.screen)
    session.close()
    for _ in range(1200):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False)
        if not state.stdout.strip() or state.stdout.startswith("Z"):
            return
        time.sleep(0.05)
    pytest.fail("the child still runs")


def test_joined_characters_do_not_hide_text(terminal):
    session = terminal([sys.executable, "-c", "print('\U0001f5d1\ufe0f gone, \U0001f469\u200d\U0001f4bb here')"])
    assert session.wait_exit() == 0
    assert session.transcript == "\U0001f5d1\ufe0f gone, \U0001f469\u200d\U0001f4bb here"
