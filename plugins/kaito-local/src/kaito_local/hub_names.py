"""Interprets `hf.co/OWNER/REPO[:QUANT]`, and chooses among a repository's files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from msgspec import Struct

from kaito.errors import UsageError

#: The quantization that is used if the user names none and the repository has it, as llama.cpp and ollama do.
DEFAULT_QUANT = "Q4_K_M"
FORM = "hf.co/OWNER/REPO[:QUANT]"

_PREFIX = re.compile(r"(?:https://)?(?:hf\.co|huggingface\.co)/", re.IGNORECASE)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REFERENCE = re.compile(rf"({_NAME}/{_NAME})(?::([\w][\w.-]{{0,200}}))?", re.ASCII)
#: A file's name is a path within the repository.
_FILE = re.compile(r"(?!/)(?:(?!\.{1,2}/)[\w .+@()\[\]-]+/)*[\w .+@()\[\]-]+\.gguf", re.ASCII | re.IGNORECASE)
#: Part 2 of 3 ends with `-00002-of-00003.gguf`.
_PART = re.compile(r"-(\d{5})-of-(\d{5})$")
#: Files in GGUF format that are not models to chat with: image encoders, and data for making quantizations.
_OTHER = re.compile(r"mmproj|imatrix", re.IGNORECASE)
_QUANT = re.compile(r"(?<![A-Za-z0-9])(?:UD-)?(?:I?Q\d|TQ\d|BF16|F16|F32|FP16|MXFP4)[A-Z0-9_]*", re.IGNORECASE)


class Reference(Struct, frozen=True):
    """A model on the hub."""

    #: `OWNER/NAME`.
    repository: str
    #: Such as `Q8_0`; or a file's name; `None` if the user leaves the choice to us.
    quant: str | None = None

    def __str__(self) -> str:
        """Return it as the user writes it."""
        return f"hf.co/{self.repository}" + (f":{self.quant}" if self.quant else "")


class Choice(Struct, frozen=True):
    """A model of a repository: one file, or the parts into which it was split, in their order."""

    name: str
    files: tuple[str, ...]
    #: The number of parts that it should have.
    parts: int = 1

    @property
    def is_complete(self) -> bool:
        """Whether no part is missing."""
        return len(self.files) == self.parts

    @property
    def stem(self) -> str:
        """The name without folders and suffix, for clients."""
        return PurePosixPath(self.name).name.removesuffix(".gguf").removesuffix(".GGUF")

    @property
    def quant(self) -> str:
        """Its quantization, as file names have it; without one the name."""
        found = _QUANT.findall(self.name)
        return found[-1].upper() if found else self.stem

    def has(self, quant: str) -> bool:
        """Return whether its name has the quantization as a whole word: `Q4_K` is not `Q4_K_M`."""
        pattern = rf"(?<![A-Za-z0-9]){re.escape(quant)}(?![A-Za-z0-9_])"
        return re.search(pattern, self.name.removesuffix(".gguf"), re.IGNORECASE) is not None


def parse(value: str) -> Reference | None:
    """Return what `--model` names on the hub, or `None` if it is something else.

    Raises:
        UsageError: it begins as an address on the hub, and is not one.
    """
    prefix = _PREFIX.match(value)
    if prefix is None:
        return None
    match = _REFERENCE.fullmatch(value[prefix.end() :])
    if match is None or "--" in match[1] or ".." in match[1]:
        raise UsageError(f"--model: '{value}' is not a model on the hub", f"The form is {FORM}")
    return Reference(match[1], match[2])


def without_part(stem: str) -> str:
    """Return the name of a file, which is given without its suffix, without the number of its part."""
    return _PART.sub("", stem)


def choices(files: Iterable[str]) -> list[Choice]:
    """Return the models among a repository's files, sorted by name. Files with unusual names are left out."""
    parts: dict[tuple[str, int], dict[int, str]] = {}
    for file in files:
        if not _FILE.fullmatch(file) or _OTHER.search(PurePosixPath(file).name):
            continue
        stem = file[: -len(".gguf")]
        part = _PART.search(stem)
        number, count = (int(part[1]), int(part[2])) if part else (1, 1)
        if 1 <= number <= count:
            parts.setdefault((without_part(stem) + ".gguf", count), {})[number] = file
    found = [Choice(name, tuple(own[number] for number in sorted(own)), count) for (name, count), own in parts.items()]
    return sorted(found, key=lambda choice: choice.name)


def choose(models: Iterable[Choice], quant: str | None) -> Choice | None:
    """Return the model that a quantization, or a file's name, selects; `None` without one.

    Without a quantization that is `Q4_K_M`, and if the repository does not have it, the first model.
    """
    available = [model for model in models if model.is_complete]
    for model in available:
        if quant is not None and quant.lower().removesuffix(".gguf") in (model.stem.lower(), model.name[:-5].lower()):
            return model
    matching = [model for model in available if model.has(quant or DEFAULT_QUANT)]
    if matching:
        # `Model-Q4_K_M` before `Model-Vision-Q4_K_M`.
        return min(matching, key=lambda model: len(model.name))
    return available[0] if available and quant is None else None
