"""The errors that users see: a message, hints, and an exit code.

KaitoError              1  anything else
├── UsageError          2  a flag, a value or a command is not valid
│   └── WorkspaceMissingError  2  --workspace-name is required
├── PluginError         1  a plugin failed
├── NotFoundError       3  the workspace does not exist, or is not ready
├── ClusterError        4  the API server cannot be reached
│   └── NoClusterError  4  no cluster is configured
├── ForbiddenError      5  credentials are missing or insufficient
├── ConflictError       1  someone else has set the fields of an object
├── ConnectError        4  the model's endpoint cannot be reached, or stays unavailable
├── OutputClosed      141  stdout was closed (not shown)
└── ModelError          1  the model's server refused the request or failed
    ├── WindowError     1  prompt and answer do not fit the context window
    └── StreamError     1  the stream ended early

Interrupted           130  Ctrl-C during a turn; not an error, and never handled as one
└── Ended        128 + n  SIGTERM or SIGHUP
Suspended, Abandoned       signals at the prompt: Ctrl-Z, and a second Ctrl-C
CtrlC                      a KeyboardInterrupt that a signal raised
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """The exit codes, the same for every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    FORBIDDEN = 5
    HUNG_UP = 129
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141
    TERMINATED = 143


class ShellHint(str):
    """A hint that names slash commands, which only a user at a prompt can type: `ShellHint("'/undo' removes it")`.

    Args:
        text: shown at a prompt.
        elsewhere: shown in its place in scripts and with `--message`, where flags help; `""` for nothing.
    """

    elsewhere: str

    def __new__(cls, text: str, elsewhere: str = "") -> Self:
        """Return the text, with the other one as an attribute."""
        hint = super().__new__(cls, text)
        hint.elsewhere = elsewhere
        return hint


class KaitoError(Exception):
    """An expected failure: its message is shown without a traceback.

    Args:
        message: one sentence, without a full stop.
        hints: further lines; the last says what to do next.
    """

    exit_code: ExitCode = ExitCode.FAILED
    #: The word before the message.
    label = "Error"
    #: How many of the first lines are documented byte for byte. A narrow window does not wrap these.
    documented_lines = 0

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints

    def lines(self, *, in_shell: bool = False, commands: Collection[str] = ()) -> list[str]:
        """Return the lines to show; the arguments are those of :meth:`shown_hints`."""
        hints = self.shown_hints(in_shell=in_shell, commands=commands)
        return [f"❌ {self.label}: {self.message}", *(f"   {hint}" for hint in hints)]

    def shown_hints(self, *, in_shell: bool = False, commands: Collection[str] = ()) -> list[str]:
        """Return the hints to show.

        Args:
            in_shell: whether the user is at a prompt, where slash commands can be typed.
            commands: names of slash commands. Unless `in_shell`, a hint that names one is left out. Such hints are
                plugins'; kaito's own are a :class:`ShellHint`.
        """
        if in_shell:
            return list(self.hints)
        shown = (
            hint.elsewhere if isinstance(hint, ShellHint) else _unless_naming(commands, hint) for hint in self.hints
        )
        return [hint for hint in shown if hint]


class UsageError(KaitoError):
    """A flag, a value or a command is not valid."""

    exit_code = ExitCode.USAGE


class WorkspaceMissingError(UsageError):
    """`--workspace-name` is required. At a terminal, the command line adds the workspaces that are ready."""


class PluginError(KaitoError):
    """A plugin failed; the message names it and its distribution."""


class NotFoundError(KaitoError):
    """The target does not exist, or is not ready."""

    exit_code = ExitCode.NOT_FOUND


class ClusterError(KaitoError):
    """No cluster is configured, or its API server cannot be reached."""

    exit_code = ExitCode.UNREACHABLE


class NoClusterError(ClusterError):
    """No cluster is configured. The command line adds what can be used without one."""


class ForbiddenError(KaitoError):
    """Credentials are missing or insufficient."""

    exit_code = ExitCode.FORBIDDEN


class ConflictError(KaitoError):
    """Another field manager has set fields of an object that was applied."""


class ConnectError(KaitoError):
    """The model's endpoint cannot be reached, or stays unavailable.

    Args:
        endpoint: the URL of the requests, as it is shown.
        details: further lines: what was tried, and what to do.
    """

    exit_code = ExitCode.UNREACHABLE
    documented_lines = 3

    def __init__(self, endpoint: str, *details: str) -> None:
        super().__init__(
            "Unable to connect to workspace endpoint",
            f"Endpoint: {endpoint}",
            "Please check if the workspace is running and accessible",
            *details,
        )
        self.endpoint = endpoint
        self.details = details


class OutputClosed(KaitoError):
    """The reader of stdout has closed it."""

    exit_code = ExitCode.OUTPUT_CLOSED


class ModelError(KaitoError):
    """The model's server refused the request or failed; the message contains the server's own.

    Args:
        message: one sentence, without a full stop.
        hints: further lines; the last says what to do next.
        status: the HTTP status of an error response; `None` for another failure.
    """

    label = "Model Error"

    def __init__(self, message: str, *hints: str, status: int | None = None) -> None:
        super().__init__(message, *hints)
        self.status = status


class WindowError(ModelError):
    """Prompt and answer do not fit the context window.

    Args:
        prompt_tokens: the prompt's tokens by the server's count; `None` without one.
        window: the context window in tokens; `None` when the server does not report it.
        alone: whether the message has no turns before it that could be dropped.
    """

    documented_lines = 2

    def __init__(self, prompt_tokens: int | None, window: int | None, *, alone: bool = False) -> None:
        holds = "Prompt and answer must fit the model's context window"
        if window is not None:
            holds = f"The window holds {window} tokens, prompt and answer"
        frees = ShellHint(f"{holds}; 'clear' or '/set trim on' frees it", f"{holds}; --trim drops the oldest turns")
        counts = f"{_count(prompt_tokens)} tokens > {_count(window)} max"
        super().__init__(
            f"Input too long ({counts})",
            "Try reducing your message length or increasing --max-tokens",
            holds if alone else frees,
        )
        self.prompt_tokens = prompt_tokens
        self.window = window


class StreamError(ModelError):
    """The stream ended early; the part of the answer that arrived was shown."""


class Interrupted(BaseException):
    """Ctrl-C during a turn. The connection is closed by the time this is raised.

    Like `KeyboardInterrupt`, it is not an `Exception`, so that no error handler swallows it. When it ends a subcommand,
    its notes (`add_note`) are shown, such as how to continue.

    Attributes:
        at: when it was raised or its signal arrived, in monotonic seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = time.monotonic()


class Ended(Interrupted):
    """SIGTERM or SIGHUP: the turn was stopped as by Ctrl-C, and the process ends.

    Args:
        number: the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        #: The exit code by which shells report the signal.
        self.exit_code = ExitCode(128 + number)


class Suspended(BaseException):
    """Ctrl-Z while waiting for a key. The handler calls :attr:`stop`, then waits again.

    Args:
        stop: stops the process; returns when it is continued.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self.stop = stop


class CtrlC(KeyboardInterrupt):
    """Ctrl-C while the main thread waits for nothing in the event loop. A plain `KeyboardInterrupt` is a plugin's."""


class Abandoned(BaseException):
    """A second Ctrl-C while the first one's cleanup runs: the process exits at once."""


def bug_error(exc: Exception) -> KaitoError:
    """Return the error that is shown for an exception that nothing should have raised."""
    return KaitoError(f"This is a bug in kaito: {type(exc).__name__}: {exc}", "Please report it")


def _unless_naming(commands: Collection[str], hint: str) -> str:
    """Return a hint, or `""` if it names a slash command; paths such as `/tmp` and `/help/me` are not commands."""
    words = (word.strip("'\"`()[].,;:!?") for word in hint.split())
    return "" if any(word[:1] == "/" and word[1:] in commands for word in words) else hint


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
