"""The backend in a whole process: it writes nothing to the terminal, and the process exits soon."""

import signal
import subprocess
import sys

import pytest
from index import stalling
from test_download import eventually, files_in

from kaito.testing import TerminalSession


def test_no_output(cached, driver):
    done = driver.run("answer")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(driver.texts("text")) > 3


def test_no_output_on_a_terminal(cached, driver):
    with TerminalSession(driver.command("answer"), env=driver.environment) as session:
        assert session.wait_exit() == 0
        assert session.raw == b""
    assert len(driver.texts("text")) > 3


def test_no_output_about_a_damaged_file(driver, tmp_path):
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF\x03\0\0\0")
    done = driver.run("answer", str(tmp_path / "damaged.gguf"))
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert "llama.cpp cannot load" in driver.texts("error")[0]


def test_ctrl_c_during_an_answer(cached, driver):
    with TerminalSession(driver.command("hold"), env=driver.environment) as session:
        session.wait_for(lambda _: driver.texts("streaming"))
        session.press("ctrl-c")
        assert session.wait_exit() == 130
        assert session.raw.replace(b"^C", b"") == b""
    assert driver.texts("cancelled") == [""]


def test_ctrl_c_during_the_download(models, driver):
    with stalling() as index:
        driver.environment["PIP_INDEX_URL"] = index.url
        with TerminalSession(driver.command("fetch"), env=driver.environment) as session:
            assert index.stalled.wait(60)
            session.press("ctrl-c")
            assert session.wait_exit() == 130
            assert index.disconnected.wait(60)
            assert session.raw.replace(b"^C", b"") == b""
    assert driver.texts("cancelled") == [""]
    assert files_in(models) == []


def test_a_process_that_exits_without_closing_the_backend(cached, driver):
    done = driver.run("exit")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_sigterm(cached, driver):
    process = subprocess.Popen(driver.command("hold"), env=driver.variables())
    try:
        eventually(lambda: driver.texts("streaming"))
    finally:
        process.terminate()
    assert process.wait(60) == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="llama.cpp uses GNU OpenMP on Linux")
@pytest.mark.parametrize(
    ("environment", "shown"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, "0")],
    ids=["ours", "the user's", "the user's policy"],
)
def test_threads_that_wait_leave_the_cores_to_others(driver, environment, shown):
    driver.environment.update(environment, OMP_DISPLAY_ENV="verbose")
    code = (
        "import os\nbefore = dict(os.environ)\nfrom kaito_local.engine import _import_llama\n_import_llama()\n"
        "assert dict(os.environ) == before"
    )
    command = [driver.python, "-c", code]
    done = subprocess.run(command, env=driver.variables(), stderr=subprocess.PIPE, text=True, timeout=240, check=True)
    assert f"GOMP_SPINCOUNT = '{shown}'" in done.stderr
