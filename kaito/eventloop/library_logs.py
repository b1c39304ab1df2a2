"""Keeps the log records of libraries off the terminal."""

from __future__ import annotations

import logging

#: Libraries that log failures of connections and tasks, which this program reports itself.
_LIBRARIES = ("asyncio", "aiohttp", "concurrent.futures")


def silence_libraries() -> None:
    """Write log records of libraries only if a program or a plugin has configured logging.

    Without any handler, Python writes warnings and errors to stderr, with tracebacks.
    """
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
