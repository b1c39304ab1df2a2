"""What the tests read of docs/plugins.md."""

from __future__ import annotations

import re
from pathlib import Path

PLUGINS = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text("utf-8")


def example(text: str) -> str:
    """Return the example in Python that contains a text."""
    sources: list[str] = re.findall(r"```python\n(.+?)```", PLUGINS, re.DOTALL)
    [source] = [source for source in sources if text in source]
    return source
