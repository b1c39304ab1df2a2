"""The folder that a plugin has for its own files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kaito.errors import KaitoError
from kaito.util.safe_files import private_folder


def data_folder(plugin: str) -> Path:
    """Return the folder for a plugin's files, which only its user can read: `$XDG_DATA_HOME/kaito/plugins/NAME`.

    It is created if needed.

    Args:
        plugin: the plugin's name, as `KAITO_PLUGINS` takes it.

    Raises:
        ValueError: the name is not one.
        KaitoError: the folder cannot be created, or others can write into it.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", plugin):
        raise ValueError(f"{plugin!r} is not the name of a plugin")
    given = os.environ.get("XDG_DATA_HOME", "")
    try:
        # The XDG specification says to ignore a relative path.
        base = Path(given if os.path.isabs(given) else Path("~/.local/share").expanduser(), "kaito")
        folder = base / "plugins" / plugin
        private_folder(base, base / "plugins", folder)
    except (OSError, RuntimeError) as exc:  # a container's user may have no home
        reason = getattr(exc, "strerror", None) or exc
        raise KaitoError(f"The folder of plugin '{plugin}' cannot be used: {reason}") from None
    return folder
