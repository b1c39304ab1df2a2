"""A fixture that renders a text."""

from __future__ import annotations

from collections.abc import Iterable

import hypothesis
import pytest
from kaito_rich.formatter import Markdown

from kaito.settings import Settings
from kaito.types import Delta, Reply, Screen

pytest_plugins = ["kaito.testing.fixtures"]

# No example fails because the machine is busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def _draw(
    text: str | Iterable[str], width: int = 80, *, colour: bool = False, unicode: bool = True, terminal: bool = True
) -> str:
    formatter = Markdown(Screen(terminal=terminal, colour=colour, unicode=unicode, width=lambda: width), Settings())
    pieces = [text] if isinstance(text, str) else list(text)
    out = "".join([formatter.feed(Delta(content=piece)) for piece in pieces])
    return out + formatter.finish(Reply(content="".join(pieces), finish_reason="stop"))


@pytest.fixture(scope="session")
def draw():
    """Return a function that renders a text, or its pieces, and returns the output."""
    return _draw
