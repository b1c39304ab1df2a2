"""One call of a subcommand: what it was given and what it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kaito.plugins import Plugins
from kaito.terminal import Terminal


class Invocation(Struct, frozen=True, kw_only=True):
    """Passed to the `run` function of a subcommand's module."""

    #: How the user calls it, such as `kubectl kaito chat`.
    command: str
    arguments: Sequence[str]
    terminal: Terminal
    plugins: Plugins
    environ: Mapping[str, str]
