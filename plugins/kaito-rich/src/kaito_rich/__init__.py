"""Markdown rendered for a terminal: the formatter of `kaito chat -o markdown`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kaito

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaito.hookspecs import Formatter

__version__ = "0.1.0"


@kaito.hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Return the formatter `markdown`."""
    from kaito_rich.formatter import Markdown

    return [Markdown]
