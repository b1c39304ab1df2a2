"""Hints with the command that installs a package into kaito's environment, for each way to install kaito."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kaito.util.secret_names import secret_in_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

#: The page about installing kaito.
_GUIDE = "https://github.com/kaito-project/kaito-chat/blob/main/docs/guide/install.md"
#: What pipx and uv leave in the folder of an environment that they made for a program.
_PIPX_FILE = "pipx_metadata.json"
_UV_FILE = "uv-receipt.toml"


def install_hint(distribution: str, *, extra: str = "", reinstall: bool = False) -> str:
    """Return a hint with the command that installs a distribution into kaito's environment.

    It has a command for pipx, for uv, or for the environment's own pip. A distribution of this project is installed
    from the checkout that kaito was installed from, and by its name if kaito came from a package index.

    Args:
        distribution: its name.
        extra: install the requirements of this extra; the distribution itself is installed.
        reinstall: whether it is installed, but damaged.
    """
    installation, verb = Installation.current(), "reinstall" if reinstall else "install"
    if installation is None:
        return f"How to {verb} it depends on how kaito was installed: {_GUIDE}"
    if extra:
        requirements, where = _required_by(distribution, extra), ""
    elif distribution.startswith("kaito-"):
        requirement, where = installation.of_this_project(distribution)
        requirements = [requirement]
    else:
        requirements, where = [distribution], ""
    command = installation.command(requirements, reinstall=reinstall)
    if command is None:
        return f"How to {verb} it beside what uv has installed for kaito: {_GUIDE}"
    # The shells of Windows quote differently from a POSIX shell.
    joined = subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)
    return f"To {verb} it{where}: {joined}"


class Installation(Struct, frozen=True, kw_only=True):
    """How kaito is installed."""

    #: The folder of the Python environment.
    prefix: Path
    #: The environment's Python.
    python: str
    #: Whether that Python has pip.
    has_pip: bool
    #: The folder or URL that kaito was installed from; `""` for a package index.
    source: str

    @classmethod
    def current(cls) -> Installation | None:
        """Return how this process's kaito is installed; `None` if it is not, as in the single-file program."""
        from importlib.metadata import distributions
        from importlib.util import find_spec

        # In the folder of a checkout, what a build left there is found before what is installed.
        kaito = next((one for one in distributions(name="kaito") if one.read_text("INSTALLER")), None)
        if kaito is None:
            return None
        return cls(
            prefix=Path(sys.prefix), python=sys.executable, has_pip=find_spec("pip") is not None, source=_source(kaito)
        )

    def of_this_project(self, distribution: str) -> tuple[str, str]:
        """Return what to install for a plugin of this project, and where the command is run if that matters."""
        if not self.source:
            return distribution, ""
        folder = Path(self.source, "plugins", distribution)
        if folder.is_dir():
            return str(folder), ""
        return f"./plugins/{distribution}", ", in a checkout of kaito"

    def command(self, requirements: Sequence[str], *, reinstall: bool = False) -> list[str] | None:
        """Return the command that installs the requirements, or installs them again; `None` if it is not known."""
        if (self.prefix / _PIPX_FILE).is_file():
            if reinstall:
                return ["pipx", "runpip", self.prefix.name, "install", "--force-reinstall", *requirements]
            return ["pipx", "inject", self.prefix.name, *requirements]
        if not reinstall and (receipt := self.prefix / _UV_FILE).is_file():
            # uv removes the packages that the command does not name.
            kept = _kept_by_uv(receipt)
            if not all(one.can_be_named for one in kept):
                return None
            program, *others = map(str, kept or [_UvRequirement(name="kaito")])
            return ["uv", "tool", "install", *(f"--with={one}" for one in (*others, *requirements)), program]
        if self.has_pip:
            again = ["--force-reinstall"] if reinstall else []
            return [self.python, "-m", "pip", "install", *again, *requirements]
        again = ["--reinstall"] if reinstall else []
        return ["uv", "pip", "install", "--python", self.python, *again, *requirements]


def _required_by(distribution: str, extra: str) -> list[str]:
    """Return the requirements of an extra, as pip takes them."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        listed = requires(distribution) or []
    except PackageNotFoundError:
        listed = []
    split = (one.partition(";") for one in listed)
    marked = re.compile(rf"""extra == ["']{re.escape(extra)}["']""")
    return [requirement.strip() for requirement, _, marker in split if marked.search(marker)] or [
        f"{distribution}[{extra}]"
    ]


class _DirectUrl(Struct):
    """What an installer records of a distribution that does not come from an index (PEP 610)."""

    url: str = ""


def _source(kaito: Distribution) -> str:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    from kaito.util.decoding import decode_expected

    recorded = decode_expected((kaito.read_text("direct_url.json") or "{}").encode(), _DirectUrl)
    url = recorded.url if recorded is not None else ""
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else url


class _UvRequirement(Struct):
    """One requirement of uv's receipt: a folder, an archive, a URL or a repository, or a name with versions.

    The string is what uv's command line takes.
    """

    name: str
    extras: list[str] = []
    specifier: str = ""
    directory: str = ""
    editable: str = ""
    path: str = ""
    url: str = ""
    git: str = ""

    @property
    def can_be_named(self) -> bool:
        """Whether the string says it all, and nothing secret: not for repositories, which have options of their own."""
        return not (self.git or self.editable or secret_in_url(self.url))

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        if local := self.directory or self.path:
            return local + extras
        if self.url:
            return f"{self.name}{extras} @ {self.url}"
        return f"{self.name}{extras}{self.specifier}"


class _UvTool(Struct):
    requirements: list[_UvRequirement] = []


class _UvReceipt(Struct):
    tool: _UvTool = field(default_factory=_UvTool)


def _kept_by_uv(file: Path) -> list[_UvRequirement]:
    """Return what uv has installed for kaito, itself first; nothing if its receipt cannot be read."""
    import tomllib

    from kaito.util.decoding import convert

    try:
        document: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
        requirements = convert(document, _UvReceipt).tool.requirements
    except (OSError, ValueError, RecursionError):
        return []
    if not any(one.name == "kaito" for one in requirements):
        return []
    return sorted(requirements, key=lambda one: one.name != "kaito")
