"""The user's folders for configuration and for the data of plugins, and paths as messages show them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kaito.errors import KaitoError


def shown_path(path: Path | str) -> str:
    """Return a path for a message, with `~` for the home folder."""
    text, home = str(path), os.path.expanduser("~")
    return f"~{text[len(home) :]}" if home != "/" and text.startswith(home + os.sep) else text


def config_folder() -> Path:
    """Return the folder of the files that the user writes for kaito and its plugins: `$XDG_CONFIG_HOME/kaito`.

    It is not created. A plugin reads files there that have its name, such as `inventory.yaml`, or a folder of its name.

    Raises:
        KaitoError: the user has no home.
    """
    try:
        return xdg_folder("XDG_CONFIG_HOME", "~/.config")
    except RuntimeError as exc:  # a container's user may have none
        raise KaitoError(f"The configuration folder is not known: {exc}", "Set XDG_CONFIG_HOME") from None


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
    from kaito.util.safe_files import private_folder

    try:
        base = xdg_folder("XDG_DATA_HOME", "~/.local/share")
        folder = base / "plugins" / plugin
        private_folder(base, base / "plugins", folder)
    except (OSError, RuntimeError) as exc:  # a container's user may have no home
        reason = getattr(exc, "strerror", None) or exc
        raise KaitoError(f"The folder of plugin '{plugin}' cannot be used: {reason}") from None
    return folder


def xdg_folder(variable: str, default: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return kaito's folder in one of the XDG base folders.

    Args:
        variable: the environment variable that names the base folder.
        default: the base folder if it does not, which may begin with `~`.

    Raises:
        RuntimeError: the user has no home folder.
    """
    given = environ.get(variable, "")
    # The XDG specification says to ignore a relative path.
    return Path(given if os.path.isabs(given) else Path(default).expanduser(), "kaito")
