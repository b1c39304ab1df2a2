"""The cost of plugins that are installed and do nothing, beyond their own imports.

Twenty distributions, each with a module that implements one hook. The alternative has the same modules and imports
them, and no plugins.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measure import Sandbox, Server, alternating, beside
from benchmarks.report import Bar, Row

RUNS = 20

_PLUGINS = 20
_SOURCE = """
from kaito import hookimpl

@hookimpl
def kaito_reply(reply):
    pass
"""


def measure(sandbox: Sandbox, runs: int) -> Iterator[Row | str]:
    """Yield the row."""
    with_plugins, without = sandbox.home / "with", sandbox.home / "without"
    for folder in (with_plugins, without):
        folder.mkdir()
        for number in range(_PLUGINS):
            (folder / f"idle_{number}.py").write_text(_SOURCE)
    for number in range(_PLUGINS):
        info = with_plugins / f"idle_{number}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: idle-{number}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[kaito]\nidle-{number} = idle_{number}\n")
    importing = without / "importing.py"
    names = "".join(f"import idle_{number}\n" for number in range(_PLUGINS))
    importing.write_text(f"{names}from kaito import hookimpl\n\n@hookimpl\ndef kaito_reply(reply): pass\n")
    with Server(10) as server:

        def run(folder: Path, *arguments: str) -> float:
            sandbox.env["PYTHONPATH"] = str(folder)
            try:
                return sandbox.run(beside("kaito"), "chat", "--endpoint", server.url, "-m", "x", *arguments).cpu
            finally:
                del sandbox.env["PYTHONPATH"]

        pairs = alternating(lambda: run(with_plugins), lambda: run(without, "--plugin", str(importing)), runs)
        each = [(ours - theirs) * 1000 / _PLUGINS for ours, theirs in pairs]
        ours, theirs = (f"{median(side) * 1000:,.4g} ms" for side in zip(*pairs, strict=True))
        yield Row(
            name=f"plugins: {_PLUGINS} that are idle / imported only, CPU of one message, for each",
            ours=ours,
            theirs=theirs,
            compared="kaito - alternative",
            value=median(each),
            bar=Bar("at most", 1, " ms"),
        )
