"""The control plane of the cluster benchmarks."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import CouldNotRunError

if TYPE_CHECKING:
    from tests.controlplane import Assets, Namespace

#: The workspace's name.
NAME = "my-llama"


def missing(*programs: str) -> str | None:
    """Return what is missing for the benchmarks; `None` if nothing is.

    Args:
        programs: further programs that must be on the `PATH`.
    """
    for program in programs:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if find_spec("cryptography") is None:
        return "cryptography (in the extra test) is not installed"
    from tests.controlplane import VARIABLE, MissingAssets

    if not os.environ.get(VARIABLE):
        return f"{VARIABLE} is not set to a folder with the programs of a control plane"
    try:
        _assets().check()
    except MissingAssets as exc:
        return str(exc)
    return None


@contextlib.contextmanager
def cluster() -> Iterator[Namespace]:
    """Yield an empty namespace of a control plane, which runs while the context is open.

    Raises:
        CouldNotRunError: it did not start.
    """
    from tests.controlplane import ControlPlane, Namespace
    from tests.controlplane.processes import ServerEnded

    with contextlib.ExitStack() as stack:
        try:
            plane = stack.enter_context(ControlPlane(_assets()))
            namespace = stack.enter_context(Namespace(plane))
        # An AssertionError means that a server was not ready in time.
        except (AssertionError, ServerEnded) as exc:
            raise CouldNotRunError(f"the control plane did not start: {exc}") from exc
        yield namespace


def kaito_flags(namespace: Namespace, backend: str) -> list[str]:
    """Return the arguments for a chat with the workspace."""
    kubeconfig = str(namespace.kubeconfig())
    return ["chat", "--kubeconfig", kubeconfig, "--workspace-name", NAME, "--backend", backend]


def _assets() -> Assets:
    from tests.controlplane import VARIABLE, Assets

    return Assets(Path(os.environ[VARIABLE]).absolute())
