"""Reads the image files that are sent with a message."""

from __future__ import annotations

import os
from pathlib import Path

from kaito.errors import KaitoError
from kaito.types import Image
from kaito.util import limits
from kaito.util.safe_files import UnreadableError, open_regular


def read_image(path: Path) -> Image:
    """Return the image of a file.

    Raises:
        KaitoError: it cannot be read, is too large, or is not an image of a type that models take.
    """
    try:
        # Some file systems have names that are not Unicode, which JSON has no form for.
        return Image.read(_content(path), os.fsencode(path.name).decode("utf-8", "replace"))
    except (UnreadableError, OSError, ValueError) as exc:
        raise KaitoError(f"Cannot send '{path}': {getattr(exc, 'strerror', None) or exc}") from None


def _content(path: Path) -> bytes:
    descriptor = open_regular(path, os.O_RDONLY)
    if descriptor is None:
        raise UnreadableError("it is not a regular file")
    with open(descriptor, "rb") as file:
        data = file.read(limits.IMAGE + 1)
    if len(data) > limits.IMAGE:
        raise UnreadableError(f"it is larger than {limits.shown_size(limits.IMAGE)}")
    return data
