"""Runs one subcommand with its plugins, and turns failures into messages and exit codes."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import get_args

from kaito.cli.args.shared_flags import GLOBAL_VALUE_FLAGS
from kaito.cli.invocation import Invocation
from kaito.cli.subcommand import find_subcommand, known_subcommands
from kaito.cli.subcommand_run import run_subcommand
from kaito.console.colors import ColorChoice
from kaito.console.stray_output import redirected_prints
from kaito.console.terminal import Terminal
from kaito.errors import (
    Abandoned,
    Ended,
    ExitCode,
    Interrupted,
    KaitoError,
    OutputClosed,
    PluginError,
    UsageError,
    bug_error,
)
from kaito.eventloop import termination
from kaito.options.parsers import on_or_off
from kaito.plugin.manager import Plugins, create_plugins
from kaito.util.suggest import did_you_mean

_GLOBAL_SWITCHES = frozenset({"-h", "--help", "-v", "--verbose", "--no-config"})


def run(program: str, arguments: Sequence[str]) -> int:
    """Run a subcommand; return the exit code."""
    terminal = Terminal(sys.stdin, sys.stdout, sys.stderr, os.environ, _color_choice(arguments))
    plugins: Plugins | None = None

    def is_verbose() -> bool:
        # The configuration file can switch it on, too.
        return _is_verbose(arguments) or (plugins is not None and plugins.is_traced)

    try:
        with termination.handle_termination(terminal), redirected_prints(terminal.note):
            name, rest = _split(program, arguments)
            trace = terminal.explain if _is_verbose(arguments) else None
            plugins = create_plugins(warn=terminal.notice, allowed=os.environ.get("KAITO_PLUGINS"), trace=trace)
            call = Invocation(
                command=f"{program} {name}", arguments=rest, terminal=terminal, plugins=plugins, environ=os.environ
            )
            return run_subcommand(find_subcommand(name, call, f"See '{program} --help'"), call)
    except OutputClosed as exc:
        return exc.exit_code
    except KaitoError as exc:
        terminal.clear_status()
        terminal.error(exc)
        if isinstance(exc, PluginError) and is_verbose():
            _show_traceback(terminal, exc)
        return exc.exit_code
    except Ended as exc:
        terminal.clear_status()
        return exc.exit_code
    except (Interrupted, KeyboardInterrupt) as exc:
        terminal.clear_status()
        terminal.end_line_of_ctrl_c(exc.at if isinstance(exc, Interrupted) else time.monotonic())
        for note in getattr(exc, "__notes__", ()):
            terminal.notice(note)
        return ExitCode.INTERRUPTED
    except Abandoned:
        # Something hangs: the interpreter's own shutdown would wait for it.
        os._exit(ExitCode.INTERRUPTED)
    except Exception as exc:
        terminal.clear_status()
        terminal.error(bug_error(exc))
        if is_verbose():
            _show_traceback(terminal, exc)
        return ExitCode.FAILED
    finally:
        terminal.tty.unmute()


def command_position(arguments: Sequence[str]) -> int:
    """Return the index of the subcommand's name, after the flags before it; the length or more if it is missing."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in GLOBAL_VALUE_FLAGS else 1
    return position


def _color_choice(arguments: Sequence[str]) -> ColorChoice:
    """Return the value of `--color`, before the arguments are parsed: usage errors are coloured too."""
    choice = _choice(_variable("KAITO_COLOR", arguments), "auto")
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        flag, _, value = argument.partition("=")
        if flag == "--color":
            given = value if "=" in argument else "".join(arguments[place + 1 : place + 2])
            choice = _choice(given, choice)
    return choice


def _choice(given: str, otherwise: ColorChoice) -> ColorChoice:
    return next((one for one in get_args(ColorChoice) if one == given), otherwise)


def _show_traceback(terminal: Terminal, exc: BaseException) -> None:
    """Show where an exception was raised."""
    terminal.note("".join(traceback.format_exception(exc)), dim=True)


def _is_verbose(arguments: Sequence[str]) -> bool:
    """Return whether `--verbose` is given, before the arguments are parsed: plugins may fail until then."""
    return "--verbose" in arguments or "-v" in arguments or bool(on_or_off(_variable("KAITO_VERBOSE", arguments)))


def _variable(name: str, arguments: Sequence[str]) -> str:
    """Return the value of a flag's environment variable, before the arguments are parsed."""
    return "" if "--no-config" in arguments else os.environ.get(name, "")


def _is_unknown_flag(argument: str) -> bool:
    """Return whether an argument is a flag that not all commands have."""
    name = argument.partition("=")[0]
    name = name if name.startswith("--") else name[:2]
    return name.startswith("-") and name not in GLOBAL_VALUE_FLAGS | _GLOBAL_SWITCHES


def _split(program: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the subcommand's name and its arguments; flags may precede the name, as with kubectl.

    Raises:
        UsageError: there is no name.
    """
    hint = f"See '{program} --help'"
    position = command_position(arguments)
    # The argument after an unknown flag may be its value.
    unknown = next(filter(_is_unknown_flag, arguments[:position]), None)
    if unknown is not None and (position >= len(arguments) or arguments[position] not in known_subcommands()):
        flag = unknown.partition("=")[0]
        near = did_you_mean(flag, [*GLOBAL_VALUE_FLAGS, *_GLOBAL_SWITCHES, "--version"])
        meant = f"Did you mean {near}?" if near else "Put the flags of a command after its name"
        raise UsageError(f"Unknown flag '{flag}'", meant, hint)
    if position >= len(arguments):
        raise UsageError("A command is missing", hint)
    name, rest = arguments[position], [*arguments[:position], *arguments[position + 1 :]]
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    return name, rest
