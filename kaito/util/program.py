"""The program's name in commands to paste: `kaito`, or `kubectl kaito` if kubectl started it."""

from __future__ import annotations

import os
import re
import sys

#: The program in a text that names one of its commands: 'kaito status'.
_QUOTED = re.compile(r"(?<=')kaito(?= [a-z])")
#: The program in a line for a shell.
_TYPED = re.compile(r"(?<![\w./-])kaito(?= [a-z])")


def program_name() -> str:
    """Return `kubectl kaito` if kubectl has started this process as its plugin, otherwise `kaito`.

    All texts that name a command use it, except those of the contract: `kubectl kaito` may run KAITO's Go plugin, and
    `kaito` need not be on the `PATH`.
    """
    return "kubectl kaito" if os.path.basename(sys.argv[0]).startswith("kubectl") else "kaito"


def as_started(text: str) -> str:
    """Return a help text, which names commands as in 'kaito status', with the program as it was started."""
    return _QUOTED.sub(program_name(), text)


def examples_as_started(lines: str) -> str:
    """Return lines for a shell, in which `kaito` is called, with the program as it was started; comments stay."""
    return "\n".join(line if line.startswith("#") else _TYPED.sub(program_name(), line) for line in lines.split("\n"))
