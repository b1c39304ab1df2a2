"""Endless and huge input: a clear error, and little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kaito.testing import Say, child_environment, kaito_command
from kaito.util import limits

#: The memory of a chat that reads nothing, and Python's own share of what is read: bytes.
BASE = 90 * 1024 * 1024


# A process begins with the peak of the one that started it, and pytest's may be large.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def run(arguments, stdin):
    """Run kaito; return its exit code, stderr, and the most memory that it had, in bytes."""
    with open(stdin, "rb") as source:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *kaito_command(*arguments)],
            stdin=source,
            capture_output=True,
            env=child_environment(),
            check=True,
        )
    code, peak = map(int, done.stdout.split())
    return code, done.stderr.decode(), peak


@pytest.mark.parametrize(
    ("arguments", "error", "most"),
    [
        (("-m", "-"), "--message -: stdin is larger than 16 MiB", 2.2 * limits.STDIN),
        ((), "The line is longer than 16 MiB\n   at stdin:1", 4 * limits.SCRIPT_LINE),
        (("--script", "/dev/zero"), "The line is longer than 16 MiB\n   at /dev/zero:1", 4 * limits.SCRIPT_LINE),
    ],
)
def test_endless_input(model_server, arguments, error, most):
    code, err, peak = run(("chat", "--endpoint", model_server.url, *arguments), "/dev/zero")
    assert (code, error in err) == (2, True)
    assert peak < BASE + most
    assert model_server.chats == []


def test_huge_material(model_server, tmp_path: Path):
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(limits.STDIN + 1)
    code, err, peak = run(("chat", "--endpoint", model_server.url, "-m", "why?"), huge)
    assert code == 2
    assert err.startswith("❌ Error: --message: stdin is larger than 16 MiB\n   Send a part of it")
    assert peak < BASE + 2.2 * limits.STDIN


def test_the_most_material_that_is_read(chat, model_server):
    model_server.default = Say("ok")
    text = "word " * (2 * 1024 * 1024)
    assert chat("-m", "-", stdin=text).code == 0
    assert model_server.chats[-1].last_message == text
