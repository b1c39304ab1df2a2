"""The processes of the servers, in one process group with a guard that kills them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_TAIL = 3000


class ServerEnded(Exception):
    """A server ended by itself; the message has the end of its log."""


class Server:
    """A running program whose output goes to a file.

    Args:
        name: its name in messages, and the name of the file.
        command: the program and its arguments.
        folder: its working directory and home.
        group: its process group.
    """

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, group: int) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "KWOK_WORKDIR": str(folder / "kwok")},
                process_group=group,
            )

    def check(self) -> None:
        """Check that it is running.

        Raises:
            ServerEnded: it ended by itself.
        """
        code = self._process.poll()
        if code is not None:
            raise ServerEnded(f"{self.name} ended with {code}\n{self.log()}")

    def log(self) -> str:
        """Return the end of its output."""
        return self._log.read_text("utf-8", "backslashreplace")[-_TAIL:]

    def stop(self, grace: float = 0.0) -> None:
        """Stop it, and return when it has ended.

        Args:
            grace: seconds between SIGTERM and SIGKILL; 0 kills it at once.
        """
        if grace:
            self._process.terminate()
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                pass
            else:
                return
        self._process.kill()
        self._process.wait()


class Servers:
    """The folder and the processes of one control plane.

    A guard is the leader of their process group. It kills them and removes the folder when its stdin closes, so also
    when this process is killed.

    Attributes:
        folder: a new folder for their data.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kaito-control-plane-"))
        # Isolated, so that coverage and the user's packages do not slow it down.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", _GUARD, self.folder], stdin=subprocess.PIPE, process_group=0
        )
        self._running: list[Server] = []

    def start(self, name: str, command: Sequence[str | Path]) -> Server:
        """Start a program."""
        server = Server(name, command, self.folder, self._guard.pid)
        self._running.append(server)
        return server

    def check(self) -> None:
        """Check that all are running.

        Raises:
            ServerEnded: one ended by itself.
        """
        for server in self._running:
            server.check()

    def stop(self, server: Server, grace: float = 0.0) -> None:
        """Stop one of them; see :meth:`Server.stop`."""
        self._running.remove(server)
        server.stop(grace)

    def logs(self) -> str:
        """Return the end of each one's output."""
        return "\n".join(f"-- {server.name}\n{server.log()}" for server in self._running)

    def close(self) -> None:
        """Stop all of them, the last one first, and remove the folder."""
        while self._running:
            self.stop(self._running[-1])
        self._guard.communicate()
