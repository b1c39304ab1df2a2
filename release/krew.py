"""Fills in the manifest by which krew, kubectl's package manager, installs the single-file program, and checks it.

krew downloads an archive for the platform, compares its checksum, unpacks it, moves the files that the manifest names,
and links `kubectl-kaito` to the one that `bin` names.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import string
import tarfile
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

import kaito
from docs import repository
from release.distributions import ROOT, BuildError
from release.single_file import PLATFORMS

_TEMPLATE = Path(__file__).with_name("krew.yaml")
#: The names of the program and of the license in an archive. krew requires a license.
PROGRAM, LICENSE = "kaito", "LICENSE"
_SHORT = 50


class FileMove(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Which files of the archive are installed."""

    from_: str
    to: str


class Selector(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Which machines a platform is for."""

    match_labels: dict[Literal["os", "arch"], str]


class Platform(msgspec.Struct, forbid_unknown_fields=True):
    """The archive for a kind of machine."""

    selector: Selector
    uri: str
    sha256: str
    files: list[FileMove]
    bin: str


class Spec(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What is installed."""

    version: str
    homepage: str
    short_description: str
    description: str
    caveats: str
    platforms: list[Platform]


class Metadata(msgspec.Struct, forbid_unknown_fields=True):
    """The name of the plugin: that of the command after `kubectl`."""

    name: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A plugin, as krew's API version `v1alpha2` describes it."""

    api_version: Literal["krew.googlecontainertools.github.com/v1alpha2"]
    kind: Literal["Plugin"]
    metadata: Metadata
    spec: Spec


def pack(program: Path, platform: str, to: Path) -> Path:
    """Write the archive that krew downloads for a platform; return its path. It is the same for the same program.

    Args:
        program: the file that `release.single_file` has built.
        platform: one of its platforms.
        to: the folder for the archive.
    """
    archive = to / f"kubectl-kaito-v{kaito.__version__}-{platform}.tar.gz"
    with (
        open(archive, "wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for source, name, mode in ((program, PROGRAM, 0o755), (ROOT / LICENSE, LICENSE, 0o644)):
            content = source.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return archive


def manifest(archives: Mapping[str, Path]) -> str:
    """Return the manifest for archives, by platform, as YAML.

    Raises:
        BuildError: krew would refuse it.
    """
    text = string.Template(_TEMPLATE.read_text("utf-8")).substitute(version=kaito.__version__, url=repository.url())
    data = yaml.safe_load(text)
    data["spec"]["platforms"] = [_platform(name, archives[name]) for name in PLATFORMS if name in archives]
    platforms = yaml.safe_dump({"platforms": data["spec"]["platforms"]}, sort_keys=False)
    # The rest as it stands in the template, with its comments and blocks.
    written = text.replace("  platforms: []\n", textwrap.indent(platforms, "  "))
    check(written)
    return written


def _platform(name: str, archive: Path) -> dict[str, Any]:
    system, _, processor = name.partition("-")
    return {
        "selector": {"matchLabels": {"os": system, "arch": processor}},
        "uri": f"{repository.url()}/releases/download/v{kaito.__version__}/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "files": [{"from": name, "to": "."} for name in (PROGRAM, LICENSE)],
        "bin": PROGRAM,
    }


def check(text: str) -> None:
    """Check a manifest by krew's rules.

    Raises:
        BuildError: it breaks one; the message names it.
    """
    try:
        found = msgspec.convert(yaml.safe_load(text), Manifest)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise BuildError(f"The manifest for krew is not valid: {error}") from None
    problems = list(_problems(found))
    if problems:
        raise BuildError("The manifest for krew is not valid: " + "; ".join(problems))


def _problems(found: Manifest) -> Iterable[str]:
    spec = found.spec
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", found.metadata.name):
        yield f"metadata.name: '{found.metadata.name}'"
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", spec.version):
        yield f"spec.version: '{spec.version}' is not v and a semantic version"
    if not spec.short_description or "\n" in spec.short_description or len(spec.short_description) > _SHORT:
        yield f"spec.shortDescription: one line of at most {_SHORT} characters"
    if not spec.platforms:
        yield "spec.platforms: there is none"
    for number, platform in enumerate(spec.platforms):
        place = f"spec.platforms[{number}]"
        if not re.fullmatch(r"[0-9a-f]{64}", platform.sha256):
            yield f"{place}.sha256: '{platform.sha256}'"
        if not re.fullmatch(r"https://\S+\.(tar\.gz|zip)", platform.uri):
            yield f"{place}.uri: '{platform.uri}'"
        if f"{platform.selector.match_labels.get('os')}-{platform.selector.match_labels.get('arch')}" not in PLATFORMS:
            yield f"{place}.selector"
        if platform.bin not in [move.from_ for move in platform.files]:
            yield f"{place}.bin: '{platform.bin}' is not among the files"
        if any(".." in name or name.startswith("/") for move in platform.files for name in (move.from_, move.to)):
            yield f"{place}.files: a path leaves the folder"
