"""What plugins add to the command line: subcommands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Command(Struct, frozen=True, kw_only=True):
    """A subcommand: `kaito NAME`. Return it from :func:`~kaito.hookspecs.kaito_commands`."""

    #: Lower-case letters, digits and `-`; the entry point in the group `kaito.commands` has the same name.
    name: str
    #: One line for `kaito --help`.
    summary: str
    #: Runs it. Called with a :class:`~kaito.CommandContext`; returns the exit code, `None` for 0. When it raises a
    #: `KaitoError`, the error is shown and its exit code is used.
    run: Callable[[Any], int | None]
    #: The first paragraph of its help; the summary if it is empty.
    description: str = ""
    #: Examples for its help: lines of `# what it does`, then the command.
    examples: str = ""
    #: Adds its own options to an :class:`OptionGroup`; read them with :meth:`~kaito.CommandContext.option`.
    options: Callable[[Any], None] | None = None
    #: Whether it connects to a model. Adds the flags of `kaito chat` that select the model's server and the connection,
    #: and the flags of plugins. :meth:`~kaito.CommandContext.connect` can then be used.
    connects: bool = False
    #: Whether it uses the cluster. Adds the flags that select it. :meth:`~kaito.CommandContext.cluster` can then be
    #: used.
    cluster: bool = False
    #: With `cluster`: whether one of these flags is `--workspace-name`.
    names_workspace: bool = True
    #: Whether the configuration may name the workspace. `False` for a command that creates or changes the named
    #: workspace, and for one that lists all workspaces if none is named.
    configurable_workspace: bool = True
    #: With `cluster`: whether one of these flags is `--wait`, whose value is in `settings.target.wait`.
    waits: bool = False
    #: The formats of `-o` that it offers in addition to `plain`, such as `text`, `json`, `yaml`, `wide` and `name`.
    #: :meth:`~kaito.CommandContext.write_object` writes `json` and `yaml`.
    outputs: tuple[str, ...] = ()
