"""Interprets `--model`: the built-in model, the user's file, or a model of the hub."""

from __future__ import annotations

import os
from pathlib import Path

from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito_local import hub_names

#: The name of the built-in model, for clients and on the command line.
NAME = "SmolLM2-135M-Instruct"
_SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_ALLOWED = (
    f"--backend local accepts {NAME} (the default), a file in GGUF format (/path/to/model{_SUFFIX}), "
    f"or a model of the hub ({hub_names.FORM})"
)


def chosen(value: str | None) -> Path | hub_names.Reference | None:
    """Return the file, or the model of the hub, that `--model` names; `None` for the built-in model.

    Raises:
        UsageError: it is none of them, or the file is not a model in GGUF format.
        NotFoundError: the file does not exist.
        KaitoError: the file cannot be read.
    """
    if value is None or value.lower() == NAME.lower():
        return None
    if reference := hub_names.parse(value):
        return reference
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


def name_of(file: Path) -> str:
    """Return the name of a file's model, for clients: without its suffix and the number of its part."""
    return hub_names.without_part(file.stem)
