"""Markdown drawn for a terminal, as a formatter of kaito: ``kaito chat -o markdown``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kaito

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaito.hookspecs import Formatter

__version__ = "0.1.0"


@kaito.hookimpl
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Offer `markdown`."""
    from kaito_rich.formatter import Markdown

    return [Markdown]
