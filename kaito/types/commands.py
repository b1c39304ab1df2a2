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
    #: Runs it, with a :class:`~kaito.CommandContext`; returns the exit code, `None` for 0. A `KaitoError` that it
    #: raises is shown, and has its exit code.
    run: Callable[[Any], int | None]
    #: The first paragraph of its help; the summary if it is empty.
    description: str = ""
    #: Examples for its help: lines of `# what it does`, then the command.
    examples: str = ""
    #: Adds its own options to an :class:`OptionGroup`; read them with :meth:`~kaito.CommandContext.option`.
    options: Callable[[Any], None] | None = None
    #: Whether it talks to a model: adds the flags of `kaito chat` that say where it is and how it is reached, and those
    #: of plugins. Then :meth:`~kaito.CommandContext.connect` can be used.
    connects: bool = False
    #: Whether it uses the cluster: adds the flags for that. Then :meth:`~kaito.CommandContext.cluster` can be used.
    cluster: bool = False
    #: With `cluster`: whether one of these flags is `--workspace-name`.
    names_workspace: bool = True
    #: Whether the configuration may name the workspace. `False` for a command that creates or changes the one that it
    #: is given, and for one that lists all of them without a name.
    configurable_workspace: bool = True
    #: With `cluster`: whether one of these flags is `--wait`, whose value is in `settings.target.wait`.
    waits: bool = False
    #: The formats of `-o` that it offers besides `plain`, such as `text`, `json`, `yaml`, `wide` and `name`;
    #: :meth:`~kaito.CommandContext.write_object` writes `json` and `yaml` itself.
    outputs: tuple[str, ...] = ()
