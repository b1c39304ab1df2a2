"""The `kaito` command: finds the subcommand, runs it, turns failures into messages and exit codes.

What `--version` and `--help` do not need is imported further down.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from kaito import __version__

_COMMANDS = {
    "chat": "Chat with a model: at a prompt, by a script, or with one message",
    "forward": "Open a local port through which any client talks to a workspace",
    "status": "Tell whether a workspace is ready, and if not why",
    "get-endpoint": "Print the URL by which another program reaches a workspace's model",
    "plugins": "Show the plugins, what they provide and which were skipped",
    "completion": "Print the script by which a shell completes what is typed",
}


def main() -> int:
    """Run the command line of this process; return the exit code."""
    arguments = sys.argv[1:]
    is_plugin = os.path.basename(sys.argv[0]).startswith("kubectl")
    program = "kubectl kaito" if is_plugin else "kaito"
    if arguments in (["--version"], ["version"]):
        return _print(f"kaito {__version__}\n")
    if arguments in ([], ["--help"], ["-h"], ["help"]):
        return _print(_help(program))
    # A start makes much and drops little: collecting garbage in between takes a twentieth of it. What runs for long
    # turns it on again.
    gc.disable()
    try:
        if arguments[0] in ("__complete", "__complete_bash"):
            return _complete(arguments[0], arguments[1:])
        import signal

        from kaito.cli.app import run

        code = run(program, arguments, sorted(_COMMANDS))
        # What is left is the interpreter's farewell, which Ctrl-C could only spoil.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        code = 130
    return code


def complete_for_kubectl() -> int:
    """Answer kubectl, which runs `kubectl_complete-kaito` when a line that starts with `kubectl kaito` is completed."""
    return _complete("__complete", sys.argv[1:])


def _complete(command: str, arguments: list[str]) -> int:
    from kaito.cli.completion.responder import complete

    return complete(command, arguments, _COMMANDS)


def _help(program: str) -> str:
    from kaito.console.wrapping import commands, table, window, wrapped

    columns = max(window(), 39)
    examples = f"""\
# Chat with the model of a workspace
{program} chat --workspace-name my-llama

# Ask once
{program} chat --workspace-name my-llama -m "What is machine learning?"

# Without a cluster: a small model inside this process, or any server that speaks OpenAI's protocol
{program} chat --backend local
{program} chat --endpoint http://localhost:8080
"""
    return "\n".join(
        [
            wrapped("Chat with the language models that KAITO serves in a Kubernetes cluster.", columns, hang=0),
            f"Examples:\n{commands(examples, columns)}",
            f"Commands:\n{table(_COMMANDS.items(), columns)}",
            "Flags:\n  -h, --help    Show this help\n      --version Show the version\n",
            f"Usage:\n  {program} COMMAND [flags]\n",
            wrapped(f"'{program} COMMAND --help' tells more about a command.", columns, hang=0),
        ]
    )


def _print(text: str) -> int:
    """Write to stdout; return the exit code, which tells when nobody reads it."""
    if sys.stdout is None:
        return 141
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as exc:
        # What is left in its buffer would fail again, aloud, when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if exc.errno in (errno.EPIPE, errno.EBADF):
            return 141
        if sys.stderr is not None:
            sys.stderr.write(f"❌ Error: Cannot write to stdout: {exc.strerror}\n")
        return 1
    return 0
