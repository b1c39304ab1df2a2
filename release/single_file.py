"""Builds kaito as one executable file for a platform, with all that it needs but Python.

The file is a zip archive that Python runs (see PEP 441), made by shiv: at the first start it unpacks itself into
`~/.cache/kaito/program`. Some dependencies are compiled, for one platform and one version of Python. The names of
compiled modules contain the version, so that one file holds those of several: it runs with each Python in `PYTHONS`.
They do not contain the kind of processor on macOS, nor the C library on Linux: each platform has a file of its own.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import kaito
from release import distributions

#: The versions of Python that a file runs with.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: The platforms, by the names that Go and krew give them, with the tags of wheels that run there.
PLATFORMS = {
    "linux-amd64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_5_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "darwin-amd64": ("macosx_11_0_x86_64",),
    "darwin-arm64": ("macosx_11_0_arm64",),
}
#: kaito-local is left out: its engine alone is larger than everything else.
EXTRAS = "rich,schema,socks"
#: What pip leaves out if it runs with a newer Python than the oldest one, as it asks its own for its version.
_FOR_OLDER_PYTHONS = "typing_extensions"
#: Where it unpacks itself.
_UNPACKED = "~/.cache/kaito/program"
_PREAMBLE = Path(__file__).with_name("preamble.py")
#: Records of how a wheel was built and installed, which differ from one Python to the next. Nothing reads them.
_RECORDS = re.compile(r"[^/]+\.dist-info/(?!METADATA$|entry_points\.txt$).+")


def this_platform() -> str | None:
    """Return the name of the platform that this process runs on, or `None` if no file is built for it."""
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    name = f"{sys.platform}-{machine.get(os.uname().machine.lower(), '')}"
    return name if name in PLATFORMS else None


def build(platform: str, to: Path) -> Path:
    """Build the file for a platform, from this repository and the package index; return its path.

    Args:
        platform: one of `PLATFORMS`; any of them can be built anywhere.
        to: the folder for it.

    Raises:
        BuildError: pip or shiv failed, or two versions of Python need different files of the same name.
    """
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        core, plugins = distributions.ROOT, distributions.ROOT / "plugins"
        distributions.build(work / "wheels", [core, plugins / "kaito-rich"])
        merged = work / "merged"
        requirements = [f"kaito[{EXTRAS}]=={kaito.__version__}", _FOR_OLDER_PYTHONS]
        _install(merged, platform, PYTHONS[0], [f"--find-links={work / 'wheels'}", *requirements])
        compiled = [f"{name}=={version}" for name, version in _compiled(merged)]
        for python in PYTHONS[1:]:
            # The rest is the same for all of them.
            _install(work / python, platform, python, ["--no-deps", *compiled])
            _merge(work / python, merged)
        for unused in ("bin", "share"):
            shutil.rmtree(merged / unused, ignore_errors=True)
        file = to / f"kaito-{kaito.__version__}-{platform}"
        _pack(merged, file)
    return file


def _install(folder: Path, platform: str, python: str, arguments: Sequence[str]) -> None:
    command = [
        *(sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--no-compile", f"--target={folder}"),
        *(f"--platform={tag}" for tag in PLATFORMS[platform]),
        *(f"--python-version={python}", "--implementation=cp", *arguments),
    ]
    distributions.run(command)


def _compiled(folder: Path) -> Iterator[tuple[str, str]]:
    """Return the name and version of each distribution in a folder that has compiled modules."""
    for distribution in metadata.distributions(path=[str(folder)]):
        if any(file.suffix == ".so" for file in distribution.files or ()):
            yield distribution.name, distribution.version


def _merge(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        copy = target / name
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif not copy.exists():
            shutil.move(path, copy)
        elif not filecmp.cmp(path, copy, shallow=False) and not _RECORDS.fullmatch(name.as_posix()):
            raise distributions.BuildError(f"{name} differs between versions of Python")


def _pack(site_packages: Path, file: Path) -> None:
    command = [
        *(sys.executable, "-P", "-m", "shiv", f"--site-packages={site_packages}", f"--output-file={file}"),
        *("--entry-point=kaito.cli:main", "--python=/usr/bin/env python3", f"--preamble={_PREAMBLE}"),
        *(f"--root={_UNPACKED}", "--compressed", "--reproducible"),
    ]
    distributions.run(command)
