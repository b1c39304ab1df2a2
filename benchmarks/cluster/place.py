"""Where it is measured: a control plane of the tests, and a workspace in it."""

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

#: The workspace's.
NAME = "my-llama"


def missing(*programs: str) -> str | None:
    """Return why nothing can be measured here; `None` when all is there.

    Args:
        programs: what else is needed on the `PATH`.
    """
    for program in programs:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if find_spec("cryptography") is None:
        return "cryptography, of the extra test, is not installed"
    from tests.controlplane import VARIABLE, MissingAssets

    if not os.environ.get(VARIABLE):
        return f"{VARIABLE} names no folder with a control plane's programs"
    try:
        _assets().check()
    except MissingAssets as exc:
        return str(exc)
    return None


@contextlib.contextmanager
def cluster() -> Iterator[Namespace]:
    """Yield an empty namespace of a control plane that is up as long as this lasts.

    Raises:
        CouldNotRunError: it did not come up.
    """
    from tests.controlplane import ControlPlane, Namespace
    from tests.controlplane.processes import ServerEnded

    with contextlib.ExitStack() as stack:
        try:
            plane = stack.enter_context(ControlPlane(_assets()))
            namespace = stack.enter_context(Namespace(plane))
        # An AssertionError tells of a server that is not ready in time.
        except (AssertionError, ServerEnded) as exc:
            raise CouldNotRunError(f"the control plane did not come up: {exc}") from exc
        yield namespace


def kaito_flags(namespace: Namespace, backend: str) -> list[str]:
    """Return the arguments of a chat with the workspace."""
    kubeconfig = str(namespace.kubeconfig())
    return ["chat", "--kubeconfig", kubeconfig, "--workspace-name", NAME, "--backend", backend]


def _assets() -> Assets:
    from tests.controlplane import VARIABLE, Assets

    return Assets(Path(os.environ[VARIABLE]).absolute())
