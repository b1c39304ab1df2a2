"""Draws the tokens of stdin, one JSON string a line, by rich alone: the whole answer anew for each of them."""

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
