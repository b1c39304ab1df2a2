"""The single-file program: one file that starts on its own, with each Python."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kaito
from kaito.testing import ModelServer, Say
from release import single_file


def pythons():
    """Return the versions of Python on this machine that the program is made for."""
    found = []
    for version in single_file.PYTHONS:
        path = shutil.which(f"python{version}")
        if path is None:
            continue
        command = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        # A shim of a version manager may be there without the version.
        if subprocess.run(command, capture_output=True, text=True).stdout.strip() == version:
            found.append(path)
    return found or [sys.executable]


@pytest.fixture
def server():
    with ModelServer() as server:
        yield server


@pytest.mark.parametrize("python", pythons())
def test_a_chat_with_each_python(program, run, server, python):
    server.enqueue(Say("Hello, **you**"))
    done = run(python, program, "chat", "--endpoint", server.url, "-o", "markdown", "-m", "Hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Assistant: Hello, **you**\n", "")


def test_it_starts_alone_and_fast_the_second_time(program, run, home):
    def start():
        begin = time.monotonic()
        done = run(program, "--version", PATH=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")
        assert (done.returncode, done.stdout) == (0, f"kaito {kaito.__version__}\n"), done.stderr
        return time.monotonic() - begin

    first = start()
    assert list((home / ".cache" / "kaito" / "program").glob("kaito-*"))
    # Nothing is unpacked again: not a limit of time, which a busy machine would break.
    assert min(start() for _ in range(3)) < first


def test_it_has_what_the_documentation_says(program, run):
    listed = run(sys.executable, program, "plugins").stdout
    assert "formatter markdown" in listed
    assert "kaito-local" not in listed


def test_the_cluster_s_client_is_part_of_it(program, run):
    done = run(sys.executable, program, "deploy", "my-phi", "--model", "phi-4", "--dry-run", "client", "-o", "yaml")
    assert done.returncode == 0, done.stderr
    assert "kind: Workspace" in done.stdout


def test_an_old_python_is_named(program, run, tmp_path):
    # The check runs with any Python: here, with one that claims to be old.
    preamble = Path(single_file.__file__).with_name("preamble.py").read_text("utf-8")
    script = tmp_path / "preamble.py"
    script.write_text("import sys\nsys.version_info = (3, 9, 2)\n" + preamble, "utf-8")
    done = run(sys.executable, script)
    assert done.returncode == 1
    assert done.stderr.startswith(f"❌ Error: kaito needs Python 3.11 or later; {sys.executable} is 3.9\n")
