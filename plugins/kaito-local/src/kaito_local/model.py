"""Which model is meant: the built-in one, or a file of the user's own."""

from __future__ import annotations

import os
from pathlib import Path

from kaito.errors import KaitoError, NotFoundError, UsageError

#: The built-in model, as it is named to clients and on the command line.
NAME = "SmolLM2-135M-Instruct"
_SUFFIX = ".gguf"
_MAGIC = b"GGUF"


def own_file(wanted: str | None) -> Path | None:
    """Return the file that `--model` names, or `None` for the built-in model.

    Raises:
        UsageError: it is neither a file nor the built-in model's name, or no model in GGUF format.
        NotFoundError: there is no such file.
        KaitoError: the file cannot be read.
    """
    if wanted is None or wanted.lower() == NAME.lower():
        return None
    name = os.path.expanduser(wanted)  # leaves an unknown user's ~ alone, where Path.expanduser raises
    if not os.path.isfile(name):
        if os.path.exists(name):
            raise UsageError(f"--model {wanted} is not a file", *_allowed())
        if name.lower().endswith(_SUFFIX):
            raise NotFoundError(f"There is no model file {wanted}", *_allowed())
        raise UsageError(f"--model {wanted} names no model that the local backend knows", *_allowed())
    try:
        with open(name, "rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise KaitoError(f"The model file {wanted} cannot be read: {error.strerror}") from error
    if magic != _MAGIC:
        raise UsageError(f"--model {wanted} is not a model in GGUF format", *_allowed())
    return Path(name)


def _allowed() -> tuple[str, ...]:
    return (f"--backend local takes a file in GGUF format (/path/to/model{_SUFFIX}), or {NAME}, its default",)
