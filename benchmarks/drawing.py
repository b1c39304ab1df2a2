"""Renders an answer with the formatter `markdown`. A program for :mod:`benchmarks.markdown`.

`drawing.py TOKENS` writes an answer of that length to stdout. `drawing.py TOKENS --times N` renders it N times and
prints only the CPU seconds for each token, without the cost of the first use.
"""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from kaito.types import Delta, Reply, Screen

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter

ANSWER = """
## Why the pods wait, part {part}

A pod stays *pending* when **no node has room for it**; ask `kubectl describe pod` first, and read its events from the
end. The [documentation](https://kubernetes.io/docs/concepts/scheduling-eviction/) lists what the scheduler looks at.

1. The node's **allocatable** memory, which is less than what the machine has.
2. Taints that the pod does not tolerate:
   - `nvidia.com/gpu`, where only some workloads may run
   - those of a node that is being drained
3. Volumes that are bound to another zone.

> A request is a promise, a limit is a wall.

| Field | Meaning | Default |
|:------|:--------|--------:|
| `requests.memory` | what is set aside | 0 |
| `limits.memory` | where it ends | none |

```python
def room(node: Node, pods: list[Pod]) -> int:
    \"\"\"Return the bytes that nobody has asked for.\"\"\"
    used = sum(pod.memory for pod in pods if pod.node == node.name)
    return node.allocatable - used  # never below zero
```

"""


def tokens(count: int) -> Iterator[str]:
    """Yield an answer of `count` pieces, which are similar to the tokens of a model."""
    endless = (
        piece
        for part in itertools.count(1)
        for piece in re.findall(r" ?\w{1,7}|\n+| +|[^\w\s]{1,3}", ANSWER.replace("{part}", str(part)))
    )
    return itertools.islice(endless, count)


def draw(answer: list[str]) -> Iterator[str]:
    """Yield the output for each piece."""
    # Loaded like kaito does, by its entry point.
    (plugin,) = entry_points(group="kaito", name="rich")
    (markdown,) = plugin.load().kaito_formatters()
    screen = Screen(terminal=True, colour=True, width=lambda: shutil.get_terminal_size().columns)
    formatter: Formatter = markdown(screen)
    for token in answer:
        yield formatter.feed(Delta(content=token))
    yield formatter.finish(Reply(content="".join(answer), finish_reason="stop"))


def main() -> None:
    """Render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", type=int)
    parser.add_argument("--times", type=int, default=0)
    arguments = parser.parse_args()
    answer = list(tokens(arguments.tokens))
    if not arguments.times:
        for text in draw(answer):
            if text:
                sys.stdout.write(text)
                sys.stdout.flush()
        return
    for _ in draw(list(tokens(1000))):
        pass
    started = time.process_time()
    for _ in range(arguments.times):
        for _ in draw(answer):
            pass
    print((time.process_time() - started) / arguments.times / arguments.tokens)


if __name__ == "__main__":
    main()
