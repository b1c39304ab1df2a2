"""Completes identifiers of conversations at the Tab key."""

from __future__ import annotations

import time
from collections.abc import Mapping

from kaito.errors import KaitoError
from kaito.history.library import Library
from kaito.history.state_folder import state_folder
from kaito.util.durations import human_duration
from kaito.util.sanitize import one_line

#: The newest conversations that are offered.
_OFFERED = 100


def conversation_words(environ: Mapping[str, str]) -> list[str]:
    """Return identifiers, the newest first, each with its age and title after a tab.

    The list is empty if no history is kept, or it cannot be read.
    """
    folder = state_folder(environ, lambda _: None)
    try:
        found = Library(folder).find(limit=_OFFERED) if folder is not None else []
    except KaitoError:
        return []
    now = time.time()
    return [f"{one.id}\t{human_duration(now - one.updated)} ago: {one_line(one.title)}" for one in found]
