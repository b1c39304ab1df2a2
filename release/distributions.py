"""Builds the wheel and the sdist of each distribution of the repository, as `python -m build` does."""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The number of characters of a failed command's output that are shown.
_SHOWN = 4000


class BuildError(Exception):
    """Something cannot be built; the message says why."""


def folders() -> list[Path]:
    """Return the folder of each distribution, kaito's first."""
    return [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/kaito-*/setup.cfg"))]


def name_of(folder: Path) -> str:
    """Return the name of the distribution in a folder."""
    config = configparser.ConfigParser()
    config.read(folder / "setup.cfg", encoding="utf-8")
    return config["metadata"]["name"]


def build(to: Path, of: Sequence[Path] | None = None) -> None:
    """Build distributions, all of them by default. A wheel is built from the sdist, so that the sdist is known to work.

    Args:
        to: the folder for the files; it is created.
        of: the folders of the distributions.

    Raises:
        BuildError: one cannot be built; the message has the reason.
    """
    for folder in folders() if of is None else of:
        # -P: no folder of the repository is taken for a package of the same name.
        run([sys.executable, "-P", "-m", "build", "--outdir", str(to), str(folder)])


def run(command: Sequence[str]) -> None:
    """Run a command; show its output only if it fails.

    Raises:
        BuildError: it failed. The message has the end of its output.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stdout[-_SHOWN:]}")
