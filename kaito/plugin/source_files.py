"""Reads the files of a plugin that cannot be loaded, to find out whether it may remove secrets from what is sent."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

#: The most files that are read, and the most bytes of each. A larger plugin counts as one that may redact.
_MAX_FILES, _MAX_BYTES = 1000, 4 * 1024 * 1024


def mention(word: str, files: Iterable[Path]) -> bool:
    """Return whether any of the files contains a word.

    Also true if this cannot be known: a file cannot be read, is not Python source, or there are no files.
    """
    encoded, count = word.encode(), 0
    for count, file in enumerate(files, 1):
        if count > _MAX_FILES or file.suffix != ".py":
            return True
        try:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
        except OSError:
            return True
        if encoded in data or len(data) > _MAX_BYTES:
            return True
    return count == 0


def files_of_module(name: str) -> Iterator[Path]:
    """Yield the files of a module's top-level package, without importing it."""
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None:
            yield Path(spec.origin)
        return
    for folder in spec.submodule_search_locations:
        yield from filter(_is_code, Path(folder).rglob("*"))


def files_of_distribution(distribution: Distribution) -> Iterator[Path]:
    """Yield the files that a distribution installed."""
    for file in distribution.files or ():
        path = Path(str(file.locate()))
        if _is_code(path):
            yield path


def _is_code(path: Path) -> bool:
    return path.name.endswith((".py", *EXTENSION_SUFFIXES)) or (
        # Byte code in `__pycache__` is compiled from a source file that is read anyway.
        path.name.endswith(tuple(BYTECODE_SUFFIXES)) and path.parent.name != "__pycache__"
    )
