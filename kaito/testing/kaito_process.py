"""Runs the command line in a separate process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kaito

#: Signals whose disposition a test's parent may have changed, such as `nohup` or a shell's `&`.
_INHERITED_SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run."""

    #: The exit code; negative for the signal that ended the process.
    code: int
    #: stdout, byte for byte.
    out_bytes: bytes
    #: stderr, byte for byte.
    err_bytes: bytes

    @property
    def out(self) -> str:
        """The text of stdout; bytes that are not UTF-8 are escaped."""
        return _text(self.out_bytes)

    @property
    def err(self) -> str:
        """The text of stderr, likewise."""
        return _text(self.err_bytes)


def kaito_command(*arguments: str) -> list[str]:
    """Return the command that runs kaito with these arguments under the current interpreter.

    Like the installed command, it does not import modules from the current folder.
    """
    return [sys.executable, "-P", "-m", "kaito", *arguments]


def run_kaito(
    *arguments: str,
    stdin: str | bytes | Path | None = None,
    env: Mapping[str, str | None] | None = None,
    plugins: str | None = None,
    cwd: str | Path | None = None,
    timeout: float = 60.0,
) -> Outcome:
    """Run `python -P -m kaito` with these arguments and wait until it exits.

    Args:
        arguments: the command line.
        stdin: text and bytes are sent through a pipe; a path is opened, so that stdin is a regular file; `None` is
            `/dev/null`.
        env: changes to the environment; `None` removes a variable.
        plugins: the value of `KAITO_PLUGINS`: the names of the plugins that may be loaded. `None` leaves it unchanged.
        cwd: the folder to run in.
        timeout: seconds.

    Raises:
        AssertionError: the process did not exit in time; the message contains its output.
    """
    changes = dict(env or {})
    if plugins is not None:
        changes["KAITO_PLUGINS"] = plugins
    command = kaito_command(*arguments)
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL}
    with contextlib.ExitStack() as files:
        if isinstance(stdin, Path):
            source = {"stdin": files.enter_context(stdin.open("rb"))}
        elif stdin is not None:
            source = {"input": stdin.encode() if isinstance(stdin, str) else stdin}
        give_children_default_signals()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                env=child_environment(changes),
                cwd=cwd,
                timeout=timeout,
                check=False,
                **source,
            )
        except subprocess.TimeoutExpired as error:
            out, err = _text(error.stdout or b""), _text(error.stderr or b"")
            raise AssertionError(
                f"{command} did not exit within {timeout} s\n-- stdout\n{out}\n-- stderr\n{err}"
            ) from None
    return Outcome(code=done.returncode, out_bytes=done.stdout, err_bytes=done.stderr)


def child_environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return this process' environment with changes, prepared so that a child imports the same `kaito`.

    Args:
        changes: new values; `None` removes a variable.
    """
    # With unbuffered streams, a signal may cut output short, which does not happen to users.
    result = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    root = str(Path(kaito.__file__).resolve().parents[1])
    result["PYTHONPATH"] = os.pathsep.join(filter(None, [root, result.get("PYTHONPATH")]))
    for name, value in (changes or {}).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def give_children_default_signals() -> None:
    """Make sure that new child processes start with default signal dispositions, whatever this process inherited.

    A child inherits ignored signals, such as SIGHUP under `nohup`, but not handlers. So each ignored signal gets a
    handler that does nothing. Python installs handlers on the main thread only: elsewhere this has no effect.
    """
    for number in (getattr(signal, name, None) for name in _INHERITED_SIGNALS):
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(number, _ignore)


def _ignore(number: int, frame: object) -> None:
    pass


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n") if os.linesep == "\r\n" else text
