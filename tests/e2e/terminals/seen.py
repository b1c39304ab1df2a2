"""What a test sees of a chat on a terminal, and what makes an editor of a script."""

from __future__ import annotations

import sys
from pathlib import Path

from kaito.testing import TerminalSession

BANNER = (
    "🤖 Connected to workspace: my-llama (llama-2-7b)\n💬 Type your message (or 'quit' to exit):\n"
    "(host 127.0.0.1:…, backend url)\n\n"
)


def screen(session: TerminalSession) -> str:
    """Return all that was to be seen, without empty lines at the end."""
    return session.transcript.rstrip()


def at_prompt(count: int):
    """Return a predicate: the prompt has come `count` times and nothing is typed at the last."""

    def predicate(session: TerminalSession) -> bool:
        lines = screen(session).splitlines()
        return sum(line.startswith(">") for line in lines) == count and lines[-1] == ">"

    return predicate


def editor(folder: Path, code: str) -> str:
    """Return the command of an editor that runs Python code, in which `file` is the path of what is edited."""
    script = folder / "editor.py"
    script.write_text(f"import os, pathlib, signal, sys, time\nfile = pathlib.Path(sys.argv[1])\n{code}\n")
    return f"{sys.executable} {script}"
