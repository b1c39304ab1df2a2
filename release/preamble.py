"""Runs in the single-file program before kaito, also with a Python that is too old for it.

shiv sets `archive` to the program's path; `sys.argv[0]` is this file's.
"""

import sys

archive = globals().get("archive", sys.argv[0])

if sys.version_info < (3, 11):  # noqa: UP036  it is read by older ones
    found = "%s is %d.%d" % (sys.executable, sys.version_info[0], sys.version_info[1])  # noqa: UP031
    sys.stderr.write("❌ Error: kaito needs Python 3.11 or later; " + found + "\n")
    sys.stderr.write("   Run it with another one: python3.12 " + archive + "\n")
    sys.exit(1)
