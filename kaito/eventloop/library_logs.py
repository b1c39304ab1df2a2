"""Keeps what libraries log off the terminal."""

from __future__ import annotations

import logging

#: The libraries that report failures of connections and tasks, which become messages of this program.
_LIBRARIES = ("asyncio", "aiohttp", "concurrent.futures")


def silence_libraries() -> None:
    """Have libraries' log records written only if a program or plugin configured logging.

    Without any handler, Python writes warnings and errors to stderr, with tracebacks.
    """
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
