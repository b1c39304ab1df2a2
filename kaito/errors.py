"""What can go wrong, as the user meets it: a message, what to do next, an exit code.

KaitoError              1  anything else
├── UsageError          2  a flag, a value or a command that is not valid
├── PluginError         1  a plugin is broken
├── NotFoundError       3  no such workspace, or it is not ready
├── ClusterError        4  the API server cannot be reached
├── ForbiddenError      5  credentials are missing or not enough
├── ConnectError        4  there is no way to the model, or it stays unavailable
├── OutputClosed      141  stdout's reader has gone (said silently)
└── ModelError          1  the model's server refused or failed
    ├── WindowError     1  prompt and answer do not fit the context window
    └── StreamError     1  the answer broke off
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


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


class KaitoError(Exception):
    """A failure that has been understood.

    Args:
        message: one sentence, without a full stop.
        hints: further lines, what to do next last.
    """

    exit_code: ExitCode = ExitCode.FAILED
    #: What stands before the message.
    label = "Error"

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints

    def lines(self) -> list[str]:
        """Return the lines that a user is shown."""
        return [f"❌ {self.label}: {self.message}", *(f"   {hint}" for hint in self.hints)]


class UsageError(KaitoError):
    """A flag, a value or a command that is not valid."""

    exit_code = ExitCode.USAGE


class PluginError(KaitoError):
    """A plugin is broken; the message names it and its distribution."""


class NotFoundError(KaitoError):
    """What was asked for does not exist, or is not ready."""

    exit_code = ExitCode.NOT_FOUND


class ClusterError(KaitoError):
    """There is no cluster, or its API server cannot be reached."""

    exit_code = ExitCode.UNREACHABLE


class ForbiddenError(KaitoError):
    """Credentials are missing or not enough."""

    exit_code = ExitCode.FORBIDDEN


class ConnectError(KaitoError):
    """There is no way to the model, or it stays unavailable.

    Args:
        endpoint: the URL that requests go to, as the user is shown it.
        details: what was tried and seen, and what to do.
    """

    exit_code = ExitCode.UNREACHABLE

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
    """Nobody reads stdout any more."""

    exit_code = ExitCode.OUTPUT_CLOSED


class ModelError(KaitoError):
    """The model's server refused the request or failed at it; the message holds its words.

    Args:
        message: one sentence, without a full stop.
        hints: further lines, what to do next last.
        status: the HTTP status of a refusal; `None` when it failed in another way.
    """

    label = "Model Error"

    def __init__(self, message: str, *hints: str, status: int | None = None) -> None:
        super().__init__(message, *hints)
        self.status = status


class WindowError(ModelError):
    """Prompt and answer do not fit the context window.

    Args:
        prompt_tokens: tokens of the prompt, by the server's count; `None` when it gives none.
        window: tokens of the context window; `None` when the server does not tell.
        alone: whether there is nothing before the message that could be left out.
    """

    def __init__(self, prompt_tokens: int | None, window: int | None, *, alone: bool = False) -> None:
        frees = "'clear' would free nothing" if alone else "'clear' or '/set trim on' frees it"
        counts = f"{_count(prompt_tokens)} tokens > {_count(window)} max"
        super().__init__(
            f"Input too long ({counts})",
            "Try reducing your message length or increasing --max-tokens",
            f"The window holds {_count(window)} tokens, prompt and answer; {frees}",
        )
        self.prompt_tokens = prompt_tokens
        self.window = window


class StreamError(ModelError):
    """The answer broke off; what had arrived of it was shown."""


class Interrupted(BaseException):
    """Ctrl-C during a turn. The connection is closed by the time this is raised.

    Like `KeyboardInterrupt` not an `Exception`: no handler of errors may swallow it.
    """


class Ended(Interrupted):
    """SIGTERM or SIGHUP: what ran has been stopped as by Ctrl-C, and the process ends.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        #: What a shell reports of a process that the signal ended.
        self.exit_code = ExitCode(128 + number)


class Suspended(BaseException):
    """Ctrl-Z while somebody waits for a key, who then calls :attr:`stop` and waits anew.

    Args:
        stop: stops the process; comes back when it goes on.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self.stop = stop


class Abandoned(BaseException):
    """Ctrl-C again, while what the first one stopped was cleaning up: the process ends at once."""


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)
