"""The `kaito` command: `--version` and `--help` here, everything else in `app`.

These two import nothing else, so that they start fast.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from kaito import __version__
from kaito.util.program import program_name


def main() -> int:
    """Run the command line of this process; return the exit code."""
    arguments = sys.argv[1:]
    name, program = os.path.basename(sys.argv[0]), program_name()
    # kubectl runs a program of this name to complete what follows `kubectl kaito`.
    if name.startswith("kubectl_complete-"):
        arguments.insert(0, "__complete")
    if arguments in (["--version"], ["version"]):
        return _print(f"kaito {__version__}\n")
    if arguments in ([], ["--help"], ["-h"], ["help"]):
        return _print(_help(program))
    # The imports allocate some 100,000 objects and free few of them: garbage collection would only cost time.
    gc.set_threshold(100_000)
    try:
        if arguments[0] in ("__complete", "__complete_bash"):
            return _complete(arguments[0], arguments[1:])
        import signal

        from kaito.cli.app import run

        code = run(program, arguments)
        # Only the interpreter's shutdown follows; Ctrl-C would interrupt it with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        code = 130
    finally:
        # The interpreter's last collection would visit all objects in vain.
        gc.freeze()
    return code


def _complete(command: str, arguments: list[str]) -> int:
    from kaito.cli.completion.responder import complete

    return complete(command, arguments)


def _help(program: str) -> str:
    from kaito.console.wrapping import commands, table, window_columns, wrapped
    from kaito.plugin.built_in import EXAMPLES, SUBCOMMANDS
    from kaito.plugin.entry_points import allowed_names, subcommand_names
    from kaito.util.program import examples_as_started

    installed = subcommand_names(allowed_names(os.environ.get("KAITO_PLUGINS")))
    of_plugins = ", ".join(name for name in installed if name not in SUBCOMMANDS and name.isprintable())
    columns = max(window_columns(), 39)
    return "\n".join(
        [
            wrapped("Chat with the language models that KAITO serves in a Kubernetes cluster.", columns, hang=0),
            f"Examples:\n{commands(examples_as_started(EXAMPLES), columns)}",
            f"Commands:\n{table([*SUBCOMMANDS.items(), ('help', 'Show this help, or that of a command')], columns)}",
            *([f"Commands of plugins:\n{wrapped(f'  {of_plugins}', columns, hang=0)}"] if of_plugins else []),
            "Flags:\n  -h, --help    Show this help\n      --version Show the version\n",
            f"Usage:\n  {program} COMMAND [flags]\n",
            wrapped(f"'{program} COMMAND --help' shows more about a command.", columns, hang=0),
        ]
    )


def _print(text: str) -> int:
    """Write to stdout; return the exit code: 141 when stdout is closed."""
    if sys.stdout is None:
        return 141
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as exc:
        # The rest of the buffer would fail again, with a message, when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if exc.errno in (errno.EPIPE, errno.EBADF):
            return 141
        if sys.stderr is not None:
            sys.stderr.write(f"❌ Error: Cannot write to stdout: {exc.strerror}\n")
        return 1
    return 0
