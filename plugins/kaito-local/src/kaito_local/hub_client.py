"""Downloads files with huggingface_hub: resumed, verified, and put into the cache that other programs share.

Imported only for a model of the hub. It blocks, and runs on a thread of its own. huggingface_hub decides where the
hub and the cache are, which token the hub gets, and how often a broken connection is resumed. What it does not do is
done here: it begins again after a process has ended, and does not verify checksums.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import huggingface_hub
from huggingface_hub import constants, file_download
from msgspec import Struct

from kaito.errors import KaitoError
from kaito.toolkit import one_line, shown_path
from kaito_local import __version__
from kaito_local.hub_errors import explained, hub_name
from kaito_local.hub_progress import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kaito.types import Reporter
    from kaito_local.hub_names import Reference
    from kaito_local.hub_progress import Progress

_CHUNK = 1 << 20
#: Bytes that stay free on the disk.
_RESERVE = 64 << 20
#: Seconds between two attempts to lock a file that another process downloads.
_TICK = 0.2
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


class HubFile(Struct, frozen=True):
    """A file of a repository, as the hub lists it."""

    name: str
    #: In bytes.
    size: int
    #: The SHA-256 of a large file, or git's SHA-1 of a small one. It is also the name of the file in the cache.
    digest: str


class HubClient:
    """One repository on the hub, and its part of the cache."""

    def __init__(self, reference: Reference, progress: Progress) -> None:
        self._reference = reference
        self._repository = reference.repository
        self._progress = progress
        self._cache = Path(constants.HF_HUB_CACHE).expanduser()
        self._folder = file_download.repo_folder_name(repo_id=self._repository, repo_type="model")
        # Its warnings would be written to the terminal.
        huggingface_hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call]

    def cached_folder(self) -> Path | None:
        """Return the folder of the repository's newest files in the cache; it need not have all of them."""
        folder = self._cache / self._folder
        with contextlib.suppress(OSError, ValueError):
            commit = (folder / "refs" / "main").read_text("ascii")
            if _SHA1.fullmatch(commit) and (snapshot := folder / "snapshots" / commit).is_dir():
                return snapshot
        return None

    def cached_files(self, folder: Path) -> Iterable[str]:
        """Return the names of the files in a folder of the cache, as they are called in the repository."""
        for path in folder.rglob("*"):
            if path.is_file():
                yield path.relative_to(folder).as_posix()

    def files(self) -> Mapping[str, HubFile]:
        """Ask the hub for the repository's files, by name.

        Raises:
            HubUnreachable: the hub cannot be reached.
            KaitoError: it refuses.
        """
        with explained(self._repository, str(self._reference)):
            api = huggingface_hub.HfApi(library_name="kaito-local", library_version=__version__)
            info = api.model_info(self._repository, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        found = {}
        for sibling in info.siblings or ():
            digest = (sibling.lfs.sha256 if sibling.lfs else sibling.blob_id) or ""
            if isinstance(sibling.size, int) and (_SHA256.fullmatch(digest) or _SHA1.fullmatch(digest)):
                found[sibling.rfilename] = HubFile(sibling.rfilename, sibling.size, digest)
        return found

    def download(self, file: HubFile, name: str, reporter: Reporter) -> Path:
        """Return a file of the cache; download it first if it is not there, from where an earlier attempt ended.

        Args:
            name: what messages call it.

        Raises:
            KaitoError: the download failed, or what was downloaded is damaged.
        """
        blob = self._cache / self._folder / "blobs" / file.digest
        with explained(self._repository, name, resumable=True):
            # The lock that huggingface_hub takes.
            lock = self._cache / ".locks" / self._folder / f"{file.digest}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            blob.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(lock, name):
                if not blob.exists():
                    self._download(file, blob, name, reporter)
            # The file is there; this gives it its name.
            path = huggingface_hub.hf_hub_download(self._repository, file.name, tqdm_class=self._progress.bar(name))
        return Path(path)

    def _download(self, file: HubFile, blob: Path, name: str, reporter: Reporter) -> None:
        partial = blob.with_name(f"{file.digest}.incomplete")
        begun = partial.stat().st_size if partial.exists() else 0
        if begun > file.size:
            partial.unlink()
            begun = 0
        free = shutil.disk_usage(blob.parent).free
        if free < file.size - begun + _RESERVE:
            raise KaitoError(
                f"Not enough space for {name}: it needs {size_text(file.size - begun)}, and {size_text(free)} are free",
                f"Free some space in {shown_path(self._cache)}, or set HF_HOME to a folder on another disk",
            )
        resumed = f", {size_text(begun)} of them are there" if begun else ""
        reporter.notice(
            f"Downloading {name} ({size_text(file.size)}{resumed}) from {hub_name()} to {shown_path(self._cache)}"
        )
        with open(partial, "r+b" if begun else "wb") as target:
            target.seek(begun)
            file_download.http_get(
                file_download.hf_hub_url(self._repository, file.name),
                target,
                resume_size=begun,
                headers=huggingface_hub.utils.build_hf_headers(library_name="kaito-local", library_version=__version__),  # type: ignore[attr-defined]
                expected_size=file.size,
                tqdm_class=self._progress.bar(name),
            )
            target.flush()
            os.fsync(target.fileno())  # after a power cut, the name must not exist without the content
        if (digest := self._digest(partial, file, name)) != file.digest:
            partial.unlink()
            raise KaitoError(
                f"The download of {name} is damaged",
                f"Checksum of {one_line(file.name)}: expected {file.digest}, got {digest}",
                "Run the command again to repeat the download",
            )
        os.replace(partial, blob)

    def _digest(self, path: Path, file: HubFile, name: str) -> str:
        self._progress.text = f"checking {name}"
        if len(file.digest) == 64:
            digest = hashlib.sha256()
        else:
            digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        with open(path, "rb") as source:
            while chunk := source.read(_CHUNK):
                self._progress.check()
                digest.update(chunk)
        return digest.hexdigest()

    @contextlib.contextmanager
    def _locked(self, path: Path, name: str) -> Iterator[None]:
        lock = filelock.FileLock(path, mode=0o664)
        while True:
            self._progress.check()
            try:
                lock.acquire(timeout=0)
                break
            except filelock.Timeout:
                self._progress.text = f"waiting for another process to download {name}"
                time.sleep(_TICK)
        try:
            yield
        finally:
            lock.release()
