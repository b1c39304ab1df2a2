"""The runner and the fixtures."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import kaito as package
from kaito.testing import ModelServer, kaito_command

STAND_IN = """
import os, stat, sys, time
if "--sleep" in sys.argv:
    print("so far", flush=True)
    time.sleep(3600)
mode = os.fstat(0).st_mode
kind = "fifo" if stat.S_ISFIFO(mode) else "file" if stat.S_ISREG(mode) else "other"
print(sys.argv[1:], kind, sys.stdin.buffer.read(), os.environ.get("KAITO_PLUGINS"), os.getcwd())
sys.stderr.buffer.write(b"caf\\xc3\\xa9 \\xff\\n")
sys.exit(5)
"""


@pytest.fixture
def stand_in(tmp_path):
    """An environment in which `python -m kaito` is something that tells what it was given."""
    (tmp_path / "kaito").mkdir()
    (tmp_path / "kaito" / "__init__.py").touch()
    (tmp_path / "kaito" / "__main__.py").write_text(STAND_IN)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    ("stdin", "kind", "data"), [(None, "other", b""), ("ä", "fifo", "ä".encode()), (b"\xff", "fifo", b"\xff")]
)
def test_running_the_command(kaito, stand_in, stdin, kind, data):
    outcome = kaito("chat", "-m", "Hi", stdin=stdin, env=stand_in)
    assert outcome.code == 5
    assert outcome.out == f"['chat', '-m', 'Hi'] {kind} {data!r}  {os.getcwd()}\n"
    assert outcome.out.encode() == outcome.out_bytes
    assert outcome.err == "café \\xff\n"
    assert outcome.err_bytes == b"caf\xc3\xa9 \xff\n"


def test_a_file_for_stdin_plugins_and_a_folder(kaito, stand_in, tmp_path):
    script = tmp_path / "script"
    script.write_text("help\n")
    outcome = kaito(stdin=script, env=stand_in, plugins="mine", cwd=tmp_path)
    assert outcome.out == f"[] file b'help\\n' mine {tmp_path}\n"


def test_a_run_that_does_not_end(kaito, stand_in):
    with pytest.raises(AssertionError, match=r"(?s)did not end within 1\.5 s.*so far"):
        kaito("--sleep", env=stand_in, timeout=1.5)


def test_the_package_under_test_is_the_one_that_runs(kaito, tmp_path):
    outcome = kaito("--version", cwd=tmp_path)
    assert (outcome.code, package.__version__ in outcome.out) == (0, True)


def test_on_a_terminal(terminal, stand_in):
    session = terminal(kaito_command("status"), env=stand_in, stdin="null")
    assert session.wait_exit() == 5
    assert "['status'] other" in session.screen


def test_the_server_runs(model_server):
    assert isinstance(model_server, ModelServer)
    socket.create_connection(("127.0.0.1", model_server.port), timeout=10).close()


def test_the_refused_url(refused_url):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(refused_url.rpartition(":")[2])), timeout=10)


def test_nothing_of_the_users_is_left(clean_environment):
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

def test_it():
    assert not {names} & set(os.environ)
"""


def test_variables_are_removed(tmp_path, monkeypatch):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    test = tmp_path / "test_inner.py"
    test.write_text(INNER.format(names=set(HOSTILE)))
    root = str(Path(package.__file__).resolve().parents[1])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        str(test),
        "--basetemp",
        str(tmp_path / "inner"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == 0, done.stdout
