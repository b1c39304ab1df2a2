"""kaito starts and chats where Python has no POSIX modules, functions and signals, as on Windows.

What Windows lacks is taken away from this Python, after the standard library has imported its own parts. It shows a use
that nothing guards; it does not show how a Windows console behaves.
"""

import subprocess
import sys
from pathlib import Path

from kaito.testing import Say

ROOT = Path(__file__).parents[1]

_WITHOUT_POSIX = """
import asyncio, ctypes, importlib, os, select, signal, subprocess, sys, tempfile, pathlib
import aiohttp

def fail(*arguments):
    raise AssertionError("this is not on Windows")

for name in "fcntl", "grp", "pty", "pwd", "readline", "resource", "termios", "tty":
    sys.modules[name] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "fchmod", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getpgrp",
    "getuid", "killpg", "mkfifo", "openpty", "setsid", "tcgetpgrp", "tcsetpgrp", "ttyname", "uname"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU",
    "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGXFSZ", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"):
    if hasattr(signal, name):
        delattr(signal, name)
for name in "epoll", "poll":
    if hasattr(select, name):
        delattr(select, name)
"""

_IMPORT_ALL = """
root = pathlib.Path(sys.argv[1])
for file in sorted((root / "kaito").rglob("*.py")):
    name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    if name != "kaito.__main__":
        importlib.import_module(name)
"""

_CHAT = """
from kaito.cli import main
sys.argv = ["kaito", *sys.argv[1:]]
sys.exit(main())
"""


def without_posix(code, *arguments, stdin=None):
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_POSIX + code, *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )


def test_each_module_can_be_imported():
    done = without_posix(_IMPORT_ALL, ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_message(model_server):
    model_server.enqueue(Say("Hello"))
    done = without_posix(_CHAT, "chat", "--endpoint", model_server.url, "-m", "Hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Assistant: Hello\n", "")


def test_a_script(model_server):
    model_server.enqueue(Say("one"), Say("two"))
    done = without_posix(_CHAT, "chat", "--endpoint", model_server.url, stdin="1\nstatus\n2\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Assistant: one\n")
    assert done.stdout.endswith("Assistant: two\n")


def test_a_refused_connection(refused_url):
    done = without_posix(_CHAT, "chat", "--endpoint", refused_url, "-m", "Hi")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
