"""Records what code writes to stdout and stderr, through Python or past it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from kaito.testing.contract.promises import promise


@contextmanager
def no_output(what: str) -> Iterator[None]:
    """Fail if the block writes to stdout or stderr, in this process or in a child.

    Args:
        what: whose output it would be.

    Raises:
        AssertionError: it wrote something.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(1), os.dup(2)]
        try:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
            with (
                open(file.fileno(), "w", encoding="utf-8", errors="backslashreplace", closefd=False) as python,
                redirect_stdout(python),
                redirect_stderr(python),
            ):
                yield
        finally:
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
        file.seek(0)
        text = file.read().decode(errors="replace")
    promise(not text, f"{what} must not write to stdout or stderr by itself, and wrote {text[:200]!r}")
