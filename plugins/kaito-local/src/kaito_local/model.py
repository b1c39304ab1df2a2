"""Interprets `--model`: the built-in model or the user's file."""

from __future__ import annotations

import os
from pathlib import Path

from kaito.errors import KaitoError, NotFoundError, UsageError

#: The name of the built-in model, for clients and on the command line.
NAME = "SmolLM2-135M-Instruct"
_SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_ALLOWED = f"--backend local accepts a file in GGUF format (/path/to/model{_SUFFIX}) or {NAME}, the default"


def user_file(value: str | None) -> Path | None:
    """Return the file that `--model` names, or `None` for the built-in model.

    Raises:
        UsageError: it is neither a file nor the built-in model's name, or the file is not a model in GGUF format.
        NotFoundError: the file does not exist.
        KaitoError: the file cannot be read.
    """
    if value is None or value.lower() == NAME.lower():
        return None
    name = os.path.expanduser(value)  # unlike Path.expanduser, it accepts a ~ of an unknown user
    if not os.path.isfile(name):
        if os.path.exists(name):
            raise UsageError(f"--model: '{value}' is not a file", _ALLOWED)
        if name.lower().endswith(_SUFFIX):
            raise NotFoundError(f"--model: '{value}' does not exist", _ALLOWED)
        raise UsageError(f"--model: the local backend has no model '{value}'", _ALLOWED)
    try:
        with open(name, "rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise KaitoError(f"--model: cannot read '{value}': {error.strerror}") from error
    if magic != _MAGIC:
        raise UsageError(f"--model: '{value}' is not a model in GGUF format", _ALLOWED)
    return Path(name)
