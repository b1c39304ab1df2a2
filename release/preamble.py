"""Runs in the single-file program before kaito, also with a Python that is too old for it."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036  it is read by older ones
    found = "%s is %d.%d" % (sys.executable, sys.version_info[0], sys.version_info[1])  # noqa: UP031
    sys.stderr.write("❌ Error: kaito needs Python 3.11 or later; " + found + "\n")
    sys.stderr.write("   Run it with another one: python3.12 " + sys.argv[0] + "\n")
    sys.exit(1)
if os.path.basename(sys.argv[0]) == "kubectl_complete-kaito":
    # kubectl completes with a link of this name.
    sys.argv.insert(1, "__complete")
