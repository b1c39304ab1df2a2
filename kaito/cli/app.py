"""Running one subcommand: its name, its plugins, its failures."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from kaito.cli.args.shared_flags import GLOBAL_VALUE_FLAGS
from kaito.cli.invocation import Invocation
from kaito.console.terminal import Terminal
from kaito.errors import Abandoned, Ended, ExitCode, Interrupted, KaitoError, OutputClosed, PluginError, UsageError
from kaito.eventloop import termination
from kaito.plugin.manager import create_plugins

_GLOBAL_SWITCHES = frozenset({"-h", "--help", "-v", "--verbose"})


def run(program: str, arguments: Sequence[str], commands: Sequence[str]) -> int:
    """Run a subcommand; return the exit code. All failures end here.

    Args:
        program: how the user calls it.
        arguments: the command line after that.
        commands: the subcommands that exist; each is a module of this package with functions `run` and `make_parser`.
    """
    terminal = Terminal(sys.stdin, sys.stdout, sys.stderr, os.environ)
    try:
        with termination.handled(terminal):
            name, rest = _subcommand(program, arguments, commands)
            plugins = create_plugins(warn=terminal.notice, allowed=os.environ.get("KAITO_PLUGINS"))
            command = import_module(f"kaito.cli.{name.replace('-', '_')}")
            call = Invocation(
                command=f"{program} {name}", arguments=rest, terminal=terminal, plugins=plugins, environ=os.environ
            )
            return int(command.run(call))
    except OutputClosed as exc:
        return exc.exit_code
    except KaitoError as exc:
        terminal.clear_status()
        terminal.error(exc)
        if isinstance(exc, PluginError):
            _explain(terminal, arguments, exc)
        return exc.exit_code
    except Ended as exc:
        terminal.clear_status()
        return exc.exit_code
    except (Interrupted, KeyboardInterrupt):
        terminal.clear_status()
        return ExitCode.INTERRUPTED
    except Abandoned:
        # What hangs is not waited for, not even by the interpreter's own farewell.
        os._exit(ExitCode.INTERRUPTED)
    except Exception as exc:
        terminal.clear_status()
        terminal.error(KaitoError(f"This is a bug in kaito: {type(exc).__name__}: {exc}", "Please report it"))
        _explain(terminal, arguments, exc)
        return ExitCode.FAILED
    finally:
        terminal.tty.unmute()


def command_position(arguments: Sequence[str]) -> int:
    """Return where the subcommand's name stands, after the flags before it; at the end or beyond if it is missing."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in GLOBAL_VALUE_FLAGS else 1
    return position


def _explain(terminal: Terminal, arguments: Sequence[str], exc: BaseException) -> None:
    """Show the traceback to those who asked for it."""
    if "--verbose" in arguments or "-v" in arguments:
        terminal.note("".join(traceback.format_exception(exc)), dim=True)


def _is_strange(argument: str) -> bool:
    """Return whether an argument is a flag that none of the commands shares with all others."""
    name = argument.partition("=")[0]
    name = name if name.startswith("--") else name[:2]
    return name.startswith("-") and name not in GLOBAL_VALUE_FLAGS | _GLOBAL_SWITCHES


def _subcommand(program: str, arguments: Sequence[str], commands: Sequence[str]) -> tuple[str, list[str]]:
    """Return the subcommand's name and its arguments; flags may stand before the name, as kubectl has it.

    Raises:
        UsageError: there is no such subcommand.
    """
    hint = f"See '{program} --help'"
    position = command_position(arguments)
    is_missing = position >= len(arguments)
    if is_missing or arguments[position] not in (*commands, "help"):
        # What follows a flag that is none may be its value.
        for flag in filter(_is_strange, arguments[:position]):
            told = f"Unknown flag '{flag.partition('=')[0]}'"
            raise UsageError(told, "The flags of a command stand after its name", hint)
    if is_missing:
        raise UsageError("A command is missing", hint)
    name, rest = arguments[position], [*arguments[:position], *arguments[position + 1 :]]
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name not in commands:
        from difflib import get_close_matches

        near = get_close_matches(name, commands, n=1)
        raise UsageError(f"Unknown command '{name}'", *([f"Did you mean '{near[0]}'?"] if near else []), hint)
    return name, rest
