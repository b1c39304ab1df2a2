"""Which backends are asked: the one that was named, the one for `--endpoint`, or all."""

from __future__ import annotations

from collections.abc import Mapping

from kaito.errors import UsageError
from kaito.hookspecs import Backend
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings


def choose_backends(plugins: Plugins, settings: Settings) -> Mapping[str, Offered[Backend]]:
    """Return the backends to ask: one that was named, the one for `--endpoint`, or all.

    Raises:
        UsageError: there is none of that name, or it needs a workspace and none was given.
    """
    offered = plugins.backends(settings)
    name = settings.backend
    if settings.target.endpoint is not None:
        if name not in ("auto", "url"):
            raise UsageError(f"--backend: '{name}' does not go with --endpoint")
        name = "url"
    elif name == "url":
        raise UsageError("--backend: 'url' needs --endpoint URL")
    if name == "auto":
        if settings.target.workspace is None:
            raise UsageError(*_NO_WORKSPACE)
        return offered
    if name not in offered:
        hint = _LOCAL if name == "local" else "See 'kaito plugins'"
        raise UsageError(f"--backend: '{name}' is not one of auto, {', '.join(sorted(offered))}", hint)
    if settings.target.workspace is None and getattr(offered[name].value, "needs_workspace", True):
        raise UsageError(*_NO_WORKSPACE)
    return {name: offered[name]}


_LOCAL = "It comes with the distribution kaito-local, if KAITO_PLUGINS lets that in"

_NO_WORKSPACE = (
    "--workspace-name is required",
    "Without a cluster, use --endpoint URL or --backend local",
)
