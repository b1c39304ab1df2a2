"""Kills the servers of a control plane and removes its folder when the process that started them has ended.

Run as a program: `python guard.py FOLDER`. It is the leader of the servers' process group. Nothing is written to its
stdin: the end of input means that the other process has ended.
"""

import os
import shutil
import signal
import sys

if __name__ == "__main__":
    # The other process handles Ctrl-C and a closed terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
