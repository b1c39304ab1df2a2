"""The servers' processes: started in one group, stopped by their own handles, watched over by a guard."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_TAIL = 3000


class ServerEnded(Exception):
    """A server ended that should run; the message has the end of what it wrote."""


class Server:
    """One program that runs, with its output in a file.

    Args:
        name: what it is called in messages, and its file.
        command: the program and its arguments.
        folder: where it runs and what it takes for its home.
        group: the process group that it joins.
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
        """Raise if it does not run any more.

        Raises:
            ServerEnded: it ended by itself.
        """
        code = self._process.poll()
        if code is not None:
            raise ServerEnded(f"{self.name} ended with {code}\n{self.log()}")

    def log(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text("utf-8", "backslashreplace")[-_TAIL:]

    def stop(self, grace: float = 0.0) -> None:
        """End it, and return when it has ended.

        Args:
            grace: seconds that it is given to end by itself; none kills it at once.
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
    """The folder of one control plane and the processes in it.

    A guard leads their process group. It ends them and removes the folder as soon as its pipe closes, which it also
    does when this process is killed.

    Attributes:
        folder: a new one, for their data.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kaito-control-plane-"))
        # Isolated, so that neither a coverage measurement nor a user's packages slow it down.
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
        """Raise if one of them has ended by itself.

        Raises:
            ServerEnded: one has.
        """
        for server in self._running:
            server.check()

    def stop(self, server: Server, grace: float = 0.0) -> None:
        """End one of them; see :meth:`Server.stop`."""
        self._running.remove(server)
        server.stop(grace)

    def logs(self) -> str:
        """Return the end of what each of them wrote."""
        return "\n".join(f"-- {server.name}\n{server.log()}" for server in self._running)

    def close(self) -> None:
        """End all of them, the last one first, and remove the folder."""
        while self._running:
            self.stop(self._running[-1])
        self._guard.communicate()
