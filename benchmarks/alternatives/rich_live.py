"""Renders the tokens of stdin (one JSON string on each line) with rich alone, which redraws the answer each time."""

import json
import sys

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

console = Console(file=sys.stdout, force_terminal=True, width=80, height=24, legacy_windows=False)
answer = ""
with Live(console=console) as live:
    for line in sys.stdin:
        answer += json.loads(line)
        live.update(Markdown(answer))
