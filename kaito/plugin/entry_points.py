"""Reads the names of entry points from installed metadata. Importing `importlib.metadata` would take longer."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterator

#: The entry-point groups of plugins, and of plugins that add a subcommand. In the second group, the entry point has
#: the name of the subcommand.
PLUGINS, SUBCOMMANDS = "kaito", "kaito.commands"


def may_exist(group: str) -> bool:
    """Return whether an installed distribution may have an entry point in a group.

    Also true when the path holds a zip file or metadata that cannot be read.
    """
    header = f"[{group}]".encode()
    return any(data is None or header in data for data in _metadata())


def names(group: str) -> list[str]:
    """Return the names of the entry points in a group, sorted; none from zip files."""
    found = set()
    for data in _metadata():
        section = ""
        for line in (data or b"").decode(errors="replace").splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif section == group and "=" in line and not line.startswith(("#", ";")):
                found.add(line.partition("=")[0].strip())
    return sorted(found)


def subcommand_names(allowed: Container[str] | None) -> list[str]:
    """Return the names of the installed subcommands that may be used; `None` allows all."""
    return [name for name in names(SUBCOMMANDS) if allowed is None or name in allowed]


def allowed_names(value: str | None) -> frozenset[str] | None:
    """Return the names in the value of `KAITO_PLUGINS`, of which only these plugins may load; `None` for all."""
    if value is None:
        return None
    # `kaito plugins` lists the plugin of a subcommand as `kaito NAME`.
    return frozenset(name.strip().removeprefix("kaito ") for name in value.split(",")) - {""}


def _metadata() -> Iterator[bytes | None]:
    """Yield the entry points of each distribution on the path; `None` for what cannot be read here."""
    for entry in sys.path:
        folder = entry or "."
        try:
            found = os.listdir(folder)
        except NotADirectoryError:
            yield None
            continue
        except OSError:
            continue
        for name in found:
            if name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                        yield file.read()
                except (FileNotFoundError, NotADirectoryError):
                    pass
                except OSError:
                    yield None
