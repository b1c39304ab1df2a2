"""Decides which backends to ask: the one that the user named, or all of them."""

from __future__ import annotations

from collections.abc import Mapping

from kaito.errors import UsageError
from kaito.hookspecs import Backend
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings


def choose_backends(plugins: Plugins, settings: Settings) -> Mapping[str, Offered[Backend]]:
    """Return the backends to ask, by name.

    Raises:
        UsageError: `--backend` and `--endpoint` contradict each other, the backend does not exist, or it needs a
            workspace and none is given.
    """
    if settings.target.endpoint is not None and settings.backend not in ("auto", "url"):
        raise UsageError(f"--backend: '{settings.backend}' cannot be used with --endpoint")
    if settings.target.endpoint is None and settings.backend == "url":
        raise UsageError("--backend: 'url' requires --endpoint URL")
    backends = plugins.backends(settings)
    name = settings.named_backend
    if name is None:
        _check_workspace(settings)
        return backends
    if name not in backends:
        hint = _LOCAL_HINT if name == "local" else "See 'kaito plugins'"
        raise UsageError(f"--backend: '{name}' is not one of auto, {', '.join(sorted(backends))}", hint)
    if needs_workspace(backends[name].value):
        _check_workspace(settings)
    return {name: backends[name]}


def needs_workspace(backend: Backend) -> bool:
    """Return whether a backend requires `--workspace-name`; it does unless it says otherwise."""
    return bool(getattr(backend, "needs_workspace", True))


_LOCAL_HINT = "It is part of the package kaito-local, which must be installed and allowed by KAITO_PLUGINS"


def _check_workspace(settings: Settings) -> None:
    if settings.target.workspace is None:
        raise UsageError("--workspace-name is required", "Without a cluster, use --endpoint URL or --backend local")
