"""A whole process: what it writes to the terminal (nothing), and how it ends (soon)."""

import os
import pty
import signal
import subprocess
import threading
import time

import pytest
from index import stalling
from test_download import eventually, left_in


class AtTerminal:
    """A process on a terminal of its own."""

    def __init__(self, command, environment):
        pid, self.leader = pty.fork()
        if pid == 0:
            os.execve(command[0], command, environment)
        self.pid = pid
        self.shown = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        try:
            while data := os.read(self.leader, 4096):
                self.shown += data
        except OSError:  # the process has closed its side
            pass

    def press(self, keys):
        os.write(self.leader, keys)

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._reader.join(10)
                os.close(self.leader)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                pytest.fail("the process did not end")
            time.sleep(0.01)


def test_silence(cached, driver):
    done = driver.run("answer")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(driver.texts("text")) > 3


def test_silence_on_a_terminal(cached, driver):
    terminal = AtTerminal(driver.command("answer"), driver.variables())
    assert terminal.wait(60) == 0
    assert terminal.shown == b""
    assert len(driver.texts("text")) > 3


def test_silence_about_a_damaged_file(driver, tmp_path):
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF\x03\0\0\0")
    done = driver.run("answer", str(tmp_path / "damaged.gguf"))
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert "llama.cpp cannot load" in driver.texts("error")[0]


def test_ctrl_c_amid_an_answer(cached, driver):
    terminal = AtTerminal(driver.command("hold"), driver.variables())
    eventually(lambda: driver.texts("streaming"))
    terminal.press(b"\x03")
    assert terminal.wait(10) == 130
    assert terminal.shown.replace(b"^C", b"") == b""
    assert driver.texts("cancelled") == [""]
    assert float(driver.texts("ended after")[0]) < 5


def test_ctrl_c_amid_the_download(models, driver):
    with stalling() as index:
        driver.environment["PIP_INDEX_URL"] = index.url
        terminal = AtTerminal(driver.command("fetch"), driver.variables())
        assert index.stalled.wait(60)
        terminal.press(b"\x03")
        assert terminal.wait(10) == 130
        assert index.dropped.wait(5)
    assert terminal.shown.replace(b"^C", b"") == b""
    assert driver.texts("cancelled") == [""]
    assert left_in(models) == []


def test_a_process_that_does_not_leave_the_context(cached, driver):
    started = time.monotonic()
    done = driver.run("leave")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert time.monotonic() - started < 20


def test_being_terminated(cached, driver):
    process = subprocess.Popen(driver.command("hold"), env=driver.variables())
    try:
        eventually(lambda: driver.texts("streaming"))
    finally:
        process.terminate()
    assert process.wait(10) == -signal.SIGTERM
