"""The state folder, and the variables that limit what is kept there or switch it off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from kaito.errors import UsageError
from kaito.options.parsers import on_or_off
from kaito.util.limits import shown_size
from kaito.util.user_folders import xdg_folder

_KIB = 1024
_UNITS = {"": _KIB**2, "K": _KIB, "M": _KIB**2, "G": _KIB**3}
_SIZE = r"([0-9]{1,9})\s*(?:([KMG])(?:i?B)?)?"
_DAY = 86400.0
_PERIODS = {"": _DAY, "h": 3600.0, "d": _DAY, "w": 7 * _DAY, "y": 365 * _DAY}
_AGE = r"([0-9]{1,9})\s*([hdwy]?)"
#: The smallest limit: an empty file with its index has some 100 KiB.
_LEAST_SIZE = _KIB**2
_LARGEST_SIZE = 64 * _KIB**3


class Bounds(Struct, frozen=True):
    """How much of the history is kept; the oldest conversations are removed first."""

    #: Bytes of the file.
    size: int = 256 * _KIB**2
    #: Seconds since the last turn of a conversation; `None` for no limit.
    age: float | None = 365 * _DAY


def history_bounds(environ: Mapping[str, str]) -> Bounds:
    """Return the bounds that `KAITO_HISTORY_SIZE` and `KAITO_HISTORY_AGE` set.

    Raises:
        UsageError: a value is not valid.
    """
    bounds = Bounds()
    size, age = environ.get("KAITO_HISTORY_SIZE", "").strip(), environ.get("KAITO_HISTORY_AGE", "").strip()
    return Bounds(
        parse_size("KAITO_HISTORY_SIZE", size) if size else bounds.size,
        parse_age("KAITO_HISTORY_AGE", age) if age else bounds.age,
    )


def parse_size(name: str, value: str) -> int:
    """Return the bytes of a size such as `256MiB`, `1G` or `512`, which is in MiB.

    Args:
        name: what is set, for the error.

    Raises:
        UsageError: it is not a size from 1 MiB to 64 GiB.
    """
    match = re.fullmatch(_SIZE, value, re.ASCII | re.IGNORECASE)
    size = int(match[1]) * _UNITS[(match[2] or "").upper()] if match else 0
    if not _LEAST_SIZE <= size <= _LARGEST_SIZE:
        least, largest = shown_size(_LEAST_SIZE), shown_size(_LARGEST_SIZE)
        raise UsageError(f"{name}: '{value}' is not a size from {least} to {largest}, such as 256MiB")
    return size


def parse_age(name: str, value: str) -> float | None:
    """Return the seconds of an age such as `90d`, `12w`, `1y` or `90`, which is in days; `None` for `never`.

    Args:
        name: what is set, for the error.

    Raises:
        UsageError: it is not an age.
    """
    if value.lower() == "never":
        return None
    match = re.fullmatch(_AGE, value, re.ASCII | re.IGNORECASE)
    if match is None or not int(match[1]):
        raise UsageError(f"{name}: '{value}' is not an age such as 90d, 12w, 1y or never")
    return int(match[1]) * _PERIODS[match[2].lower()]


def state_folder(environ: Mapping[str, str], warn: Callable[[str], object]) -> Path | None:
    """Return the folder of the input history and of the conversations; `None` when nothing is kept.

    Args:
        warn: called when the value of `KAITO_HISTORY` is neither on nor off.
    """
    wish = environ.get("KAITO_HISTORY", "").strip().lower()
    on = on_or_off(wish)
    if on is False:
        return None
    if wish and on is None:
        warn(f"KAITO_HISTORY: '{wish}' is not on or off; input and conversations are saved")
    try:
        return xdg_folder("XDG_STATE_HOME", "~/.local/state", environ)
    except RuntimeError:  # a container's user without a home
        return None


def input_history_file(folder: Path | None) -> Path | None:
    """Return the file of the input history; `None` without a state folder."""
    return folder / "history" if folder is not None else None
