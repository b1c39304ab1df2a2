"""Runs the command line in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kaito


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    #: The exit code; negative for the signal that ended it.
    code: int
    #: stdout, byte for byte.
    out_bytes: bytes
    #: stderr, byte for byte.
    err_bytes: bytes

    @property
    def out(self) -> str:
        """The text of stdout; bytes that are not UTF-8 are shown as escapes."""
        return _text(self.out_bytes)

    @property
    def err(self) -> str:
        """The text of stderr, likewise."""
        return _text(self.err_bytes)


def kaito_command(*arguments: str) -> list[str]:
    """Return the command that runs kaito with these arguments by this very interpreter.

    The folder that it runs in is no place to import from, as it is none for the installed command.
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
    """Run `python -P -m kaito` with these arguments and wait for its end.

    Args:
        arguments: what stands on the command line.
        stdin: text or bytes come through a pipe; a path is opened, so that stdin is a regular file; `None` is
            `/dev/null`.
        env: changes to the environment; `None` removes a variable.
        plugins: what `KAITO_PLUGINS` shall be, if not what it is: the names of the plugins that may be loaded.
        cwd: the folder to run in.
        timeout: seconds.

    Raises:
        AssertionError: it did not end in time; it shows what was written until then.
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
        try:
            done = subprocess.run(
                command, capture_output=True, env=environment(changes), cwd=cwd, timeout=timeout, check=False, **source
            )
        except subprocess.TimeoutExpired as error:
            out, err = _text(error.stdout or b""), _text(error.stderr or b"")
            raise AssertionError(
                f"{command} did not end within {timeout} s\n-- stdout\n{out}\n-- stderr\n{err}"
            ) from None
    return Outcome(code=done.returncode, out_bytes=done.stdout, err_bytes=done.stderr)


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return this process' environment with changes, in which this very `kaito` can be imported."""
    # Unbuffered streams lose what a signal interrupts, which is not how people run it.
    result = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    home = str(Path(kaito.__file__).resolve().parents[1])
    result["PYTHONPATH"] = os.pathsep.join(filter(None, [home, result.get("PYTHONPATH")]))
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n") if os.linesep == "\r\n" else text
