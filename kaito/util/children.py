"""Starts other programs without our secrets in their environment, and ends them with all programs that they start."""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kaito.util.secret_names import may_be_secret

#: Seconds that a program gets to exit after a signal: this process reacts to its own within a second.
_EXIT_TIMEOUT = 0.3
_READ_SIZE = 65536
#: Seconds between two looks at whether a silent program was ended.
_TICK = 0.1
#: Seconds between two looks at a program that has closed its output; the first and the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05


def child_environment(environ: Mapping[str, str], added: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for another program: ours without our secrets, and with what is added."""
    # Each flag has variables, also those of plugins.
    kept = {
        name: value for name, value in environ.items() if not (name.startswith("KAITO_") and may_be_secret(name, value))
    }
    return kept | dict(added or {})


def failure_of(code: int) -> str:
    """Return how a program failed, for a message.

    Args:
        code: its exit code, negative for a signal.
    """
    return f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"


async def read_output(
    command: Sequence[str],
    environ: Mapping[str, str],
    receive: Callable[[bytes], object],
    *,
    interactive: bool = False,
    stderr: int | None = subprocess.STDOUT,
    umask: int = -1,
) -> int:
    """Run a program, and return its exit code, negative for a signal.

    The program is started and read on another thread. asyncio's own subprocesses can wait for ever when they are
    cancelled while they start (Python 3.11), and log what is no failure. When this is cancelled or `receive` raises,
    the program and all programs that it started are ended.

    Args:
        environ: its whole environment; see :func:`child_environment`.
        receive: called with each piece of its stdout, on that thread.
        interactive: whether it may use the terminal: it reads this process's stdin, and Ctrl-C reaches it.
        stderr: as for `subprocess.Popen`; by default the same as stdout.
        umask: of the program, if it is not that of this process.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument or a variable is not valid, such as one with a NUL.
    """
    child = _Child(whole_group=not interactive)
    options: dict[str, Any] = {
        "env": dict(environ),
        "stdin": None if interactive else subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": stderr,
        "umask": umask,
        # Outside the terminal's foreground group: Ctrl-C reaches this process only, which ends the program.
        "start_new_session": not interactive,
    }
    work = _on_a_thread(lambda: child.run(command, receive, options))
    try:
        return await asyncio.shield(work)
    finally:
        await _end(child, work)


async def _end(child: _Child, work: asyncio.Future[int]) -> None:
    """End a program: politely, and then at once, also when this is cancelled itself."""
    try:
        if not work.done():
            child.stop(signal.SIGTERM)
            await asyncio.wait([work], timeout=_EXIT_TIMEOUT)
    finally:
        if not work.done():
            child.kill()
            await asyncio.wait([work], timeout=_EXIT_TIMEOUT)


def _on_a_thread(work: Callable[[], int]) -> asyncio.Future[int]:
    """Run a function on a daemon thread: children of the program may keep its output open for ever."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    # Marks a failure as retrieved: the caller may have been cancelled.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def finish(result: int, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result, error = 0, None
        try:
            result = work()
        except BaseException as exc:
            error = exc
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="kaito-child", daemon=True).start()
    return future


class _Child:
    """A program that one thread runs, and another may end.

    Args:
        whole_group: whether it leads a process group of its own.
    """

    def __init__(self, *, whole_group: bool) -> None:
        self._whole_group = whole_group
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._signal: int | None = None

    def run(self, command: Sequence[str], receive: Callable[[bytes], object], options: Mapping[str, Any]) -> int:
        """Run it and return its exit code."""
        process = subprocess.Popen(command, bufsize=0, **options)
        with self._lock:
            self._process = process
        # A cleanup that takes too long is not waited for, and this process may end before it does.
        atexit.register(self.kill)
        try:
            if self._signal is not None:
                self.stop(self._signal)
            assert process.stdout is not None
            with process.stdout as output:
                while self._wait_for_output(output.fileno()) and (data := os.read(output.fileno(), _READ_SIZE)):
                    receive(data)
            return self._exit_code(process)
        except BaseException:
            self.kill()
            self._exit_code(process)
            raise
        finally:
            atexit.unregister(self.kill)

    def kill(self) -> None:
        """End it at once."""
        self.stop(getattr(signal, "SIGKILL", signal.SIGTERM))

    def stop(self, number: int) -> None:
        """Send a signal to the program and to those that it started."""
        with self._lock:
            self._signal = number
            # Until its exit code is read, no other process gets its number.
            if self._process is None or self._process.returncode is not None:
                return
            with suppress(ProcessLookupError, PermissionError):
                if self._whole_group and hasattr(os, "killpg"):
                    os.killpg(self._process.pid, number)
                else:
                    self._process.send_signal(number)

    def _wait_for_output(self, descriptor: int) -> bool:
        """Wait until there is output, or its end; return `False` if the program was ended and others keep it open."""
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(_TICK * 1000):
            with self._lock:
                if self._signal is not None and self._process is not None and self._process.poll() is not None:
                    return False
        return True

    def _exit_code(self, process: subprocess.Popen[bytes]) -> int:
        pause = _FIRST_PAUSE
        while True:
            with self._lock:
                if (code := process.poll()) is not None:
                    return code
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
