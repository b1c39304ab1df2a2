"""The fixtures, and running the command line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import kaito as package
from kaito.testing import ModelServer, child_environment, kaito_command

FAKE_KAITO = """
import os, stat, sys
mode = os.fstat(0).st_mode
kind = "fifo" if stat.S_ISFIFO(mode) else "file" if stat.S_ISREG(mode) else "other"
print(sys.argv[1:], kind, sys.stdin.buffer.read(), os.environ.get("KAITO_PLUGINS"), os.getcwd())
sys.stderr.buffer.write(b"caf\\xc3\\xa9 \\xff\\n")
sys.exit(5)
"""


@pytest.fixture
def fake_kaito(tmp_path):
    """An environment in which `python -m kaito` runs a program that prints its arguments and input."""
    (tmp_path / "kaito").mkdir()
    (tmp_path / "kaito" / "__init__.py").touch()
    (tmp_path / "kaito" / "__main__.py").write_text(FAKE_KAITO)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("stdin", "kind", "data"), [(None, "other", b""), ("ä", "fifo", "ä".encode()), (b"\xff", "fifo", b"\xff")]
)
def test_run_kaito_passes_arguments_and_stdin(kaito, fake_kaito, stdin, kind, data):
    outcome = kaito("chat", "-m", "Hi", stdin=stdin, env=fake_kaito)
    assert outcome.code == 5
    assert outcome.out == f"['chat', '-m', 'Hi'] {kind} {data!r}  {os.getcwd()}\n"
    assert outcome.out.encode() == outcome.out_bytes
    assert outcome.err == "café \\xff\n"
    assert outcome.err_bytes == b"caf\xc3\xa9 \xff\n"


def test_run_kaito_with_a_file_as_stdin_plugins_and_a_folder(kaito, fake_kaito, tmp_path):
    script = tmp_path / "script"
    script.write_text("help\n")
    outcome = kaito(stdin=script, env=fake_kaito, plugins="mine", cwd=tmp_path)
    assert outcome.out == f"[] file b'help\\n' mine {tmp_path}\n"


def test_run_kaito_times_out_and_shows_the_output(kaito, monkeypatch, tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho partial output\nexec sleep 3600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(AssertionError, match=r"(?s)did not exit within 5 s.*partial output"):
        kaito(timeout=5)


def test_the_imported_package_is_the_one_that_runs(kaito, tmp_path):
    outcome = kaito("--version", cwd=tmp_path)
    assert (outcome.code, package.__version__ in outcome.out) == (0, True)


def test_kaito_command_on_a_terminal(terminal, fake_kaito):
    session = terminal(kaito_command("status"), env=fake_kaito, stdin="null")
    assert session.wait_exit() == 5
    assert "['status'] other" in session.screen


def test_the_model_server_accepts_connections(model_server):
    assert isinstance(model_server, ModelServer)
    socket.create_connection(("127.0.0.1", model_server.port), timeout=10).close()


def test_start_model_server_takes_options_and_stops_the_server(start_model_server):
    servers = [start_model_server(model) for model in ("one", "two")]
    assert [server.model for server in servers] == ["one", "two"]
    assert servers[0].port != servers[1].port


def test_the_reporter_records_everything(reporter):
    reporter.status("connecting")
    reporter.retrying("503", 0.5)
    reporter.notice("slow")
    reporter.status("")
    assert (reporter.statuses, reporter.retries, reporter.notices) == (["connecting", ""], [("503", 0.5)], ["slow"])


SIGNALS = """
import signal
print([s.name for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT) if signal.getsignal(s) is signal.SIG_IGN])
"""


def test_children_do_not_inherit_ignored_signals(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["kaito.testing.fixtures"]\n')
    test = tmp_path / "test_inner.py"
    test.write_text(
        "import subprocess, sys\nfrom kaito.testing import TerminalSession\n\n"
        f"COMMAND = [sys.executable, '-c', {SIGNALS!r}]\n\n"
        "def test_the_width_of_text(terminal):\n"
        "    assert subprocess.run(COMMAND, capture_output=True, check=True).stdout == b'[]\\n'\n"
        "    session = terminal(COMMAND)\n    assert (session.wait_exit(), session.screen) == (0, '[]')\n"
    )
    code = (
        "import os, signal, sys\n"
        "for name in ('SIGHUP', 'SIGINT', 'SIGQUIT'): signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    _run_pytest(test, tmp_path, sys.executable, "-c", code)


def test_the_refused_url_refuses_connections(refused_url):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(refused_url.rpartition(":")[2])), timeout=10)


def test_the_home_folder_is_empty(clean_environment):
    assert os.environ["KAITO_PLUGINS"] == ""
    assert Path.home() == clean_environment
    assert os.listdir(clean_environment) == []
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        assert clean_environment in Path(os.environ[f"XDG_{name}_HOME"]).parents


HOSTILE = {
    "KAITO_API_KEY": "secret",
    "kaito_history": "off",
    "HTTPS_PROXY": "http://proxy.example",
    "no_proxy": "*",
    "NO_COLOR": "1",
    "FORCE_COLOR": "1",
    "COLUMNS": "20",
    "KUBECONFIG": "/nowhere",
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "EDITOR": "false",
}

INNER = """
import os

pytest_plugins = ["kaito.testing.fixtures"]

def test_the_width_of_text():
    assert not {names} & set(os.environ)
"""


def test_the_users_variables_are_removed(tmp_path, monkeypatch):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    test = tmp_path / "test_inner.py"
    test.write_text(INNER.format(names=set(HOSTILE)))
    _run_pytest(test, tmp_path, sys.executable)


def _run_pytest(test, folder, *launcher):
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "--basetemp", str(folder / "inner")]
    command = [*launcher, "-m", "pytest", *options, str(test)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=child_environment())
    assert done.returncode == 0, done.stdout
