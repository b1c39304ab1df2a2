"""Ends what a control plane started and removes its folder, however the process that started it ended.

Run as a program: `python guard.py FOLDER`. It leads the process group that the servers belong to, and its stdin is a
pipe that nobody writes to: its end means that the other side is gone.
"""

import os
import shutil
import signal
import sys

if __name__ == "__main__":
    # Ctrl-C and a closed terminal are for the other side to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
