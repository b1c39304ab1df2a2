"""Finds a model of `--model hf.co/OWNER/REPO` in the shared Hugging Face cache, or on the hub."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kaito.errors import ExitCode, KaitoError, UsageError
from kaito.toolkit import install_hint
from kaito_local import hub_names
from kaito_local.hub_progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kaito.types import Reporter
    from kaito_local.hub_client import HubClient
    from kaito_local.hub_names import Choice, Reference

#: Seconds between two progress updates.
_INTERVAL = 0.2
#: The number of quantizations that an error lists.
_LISTED = 20


async def fetch(reference: Reference, reporter: Reporter) -> Path:
    """Return a model's file, or the first of its parts; download what is not in the cache.

    A cached model is used without asking the hub, if it is certain which one is meant.

    Raises:
        UsageError: huggingface_hub is not installed, or the repository does not have this quantization.
        NotFoundError: there is no such repository, or the user may not see it.
        ForbiddenError: the user may not read it.
        KaitoError: the hub cannot be reached and the cache does not have it, or the download failed.
    """
    progress = Progress(f"looking for {reference}")
    ticker = asyncio.create_task(_report(progress, reporter))
    try:
        return await _on_a_thread(lambda: _fetch(reference, reporter, progress))
    finally:
        progress.cancel()
        ticker.cancel()


def _fetch(reference: Reference, reporter: Reporter, progress: Progress) -> Path:
    client = _client(reference, progress)
    folder = client.cached_folder()
    cached = hub_names.choices(client.cached_files(folder)) if folder else []
    found = hub_names.choose(cached, reference.quant)
    if folder and found and (reference.quant or found.has(hub_names.DEFAULT_QUANT)):
        return folder / found.files[0]
    try:
        files = client.files()
    except KaitoError as error:
        if not (folder and found and error.exit_code == ExitCode.UNREACHABLE):
            raise
        reporter.notice(f"{error.message}; using {found.stem} of the cache")
        return folder / found.files[0]
    available = hub_names.choices(files)
    choice = hub_names.choose(available, reference.quant)
    if choice is None:
        raise _no_such_model(reference, available)
    path = None
    for number, name in enumerate(choice.files, 1):
        part = f" (part {number} of {choice.parts})" if choice.parts > 1 else ""
        file = client.download(files[name], f"{choice.stem}{part}", reporter)
        path = path or file
    if path is None:
        raise _no_such_model(reference, available)
    return path


def _client(reference: Reference, progress: Progress) -> HubClient:
    try:
        # Imported here, on this thread: it takes longer than the rest of the start.
        from kaito_local.hub_client import HubClient
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] == "kaito_local":
            raise
        # If the package is there, one that it requires is missing or damaged.
        cause = f" ({error})" if find_spec("huggingface_hub") is not None else ""
        raise UsageError(
            f"--model {reference}: this needs the package huggingface_hub{cause}",
            install_hint("kaito-local", extra="hub"),
        ) from error
    return HubClient(reference, progress)


def _no_such_model(reference: Reference, available: Sequence[Choice]) -> KaitoError:
    if not available:
        return UsageError(
            f"--model: hf.co/{reference.repository} has no chat model in GGUF format",
            f"Choose a repository with .gguf files, often named …-GGUF: {hub_names.FORM}",
        )
    quants = list(dict.fromkeys(model.quant for model in available if model.is_complete))
    more = f" and {len(quants) - _LISTED} more" if len(quants) > _LISTED else ""
    return UsageError(
        f"--model: hf.co/{reference.repository} has no quantization '{reference.quant}'",
        f"It has {', '.join(quants[:_LISTED])}{more}" if quants else "The parts of its models are not complete",
    )


async def _report(progress: Progress, reporter: Reporter) -> None:
    # Repeated, also while the hub is silent: a backend that reports nothing is given up.
    while True:
        reporter.status(progress.text)
        await asyncio.sleep(_INTERVAL)


async def _on_a_thread(work: Callable[[], Path]) -> Path:
    """Run `work` on a thread that does not keep the process alive; when this is cancelled, it is not waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Path] = loop.create_future()

    def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not done.done():
            set_outcome(outcome)

    def run() -> None:
        try:
            path = work()
        except BaseException as error:
            outcome = (done.set_exception, error)
        else:
            outcome = (done.set_result, path)  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="kaito-local-hub", daemon=True).start()
    return await done
