"""Writes the man pages, from the parsers, the slash commands and the guide's tables: `python -m docs.man_pages`.

The pages are kept in `docs/man`, as the wheel contains them and is built without this package.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import kaito
from docs import command_line
from docs.repository import DOCS, table, url, write_generated
from kaito.plugin.built_in import EXAMPLES, SUBCOMMANDS

#: The folder of the pages, in `docs`.
FOLDER = DOCS / "man"

_SUMMARY = "chat with the language models that KAITO serves in a Kubernetes cluster"
_DESCRIPTION = """\
kaito is a terminal client for the language models that KAITO, the Kubernetes AI Toolchain Operator, serves in a
cluster. It finds the endpoint of a workspace by itself, streams answers, runs scripts, connects to any
OpenAI-compatible server, and is extended by plugins. As a plugin of kubectl, it is called `kubectl kaito`."""


#: The files that the pages of commands name.
_FILES = {
    "chat": ("config.toml", "history.db", "history"),
    "config": ("config.toml",),
    "history": ("history.db",),
}


def pages() -> dict[str, str]:
    """Return the man pages by their file names."""
    return {
        "kaito.1": _main_page(),
        # kubectl finds the program by this name; the page is the same.
        "kubectl-kaito.1": ".so man1/kaito.1\n",
        **{f"kaito-{name}.1": _command_page(command_line.command_page(name)) for name in SUBCOMMANDS},
    }


def write_pages(folder: Path) -> None:
    """Write the pages that have changed, and remove those of earlier commands."""
    write_generated(folder, pages(), "*.1")


def _main_page() -> str:
    return "".join(
        [
            _head("kaito", _SUMMARY),
            _section("SYNOPSIS", _code("kaito COMMAND [flags]\nkubectl kaito COMMAND [flags]")),
            _section("DESCRIPTION", _paragraph(_DESCRIPTION)),
            _section("COMMANDS", _list((f"kaito {name}", f"{summary}.") for name, summary in SUBCOMMANDS.items())),
            _section("EXAMPLES", _code(EXAMPLES)),
            _exit_status(),
            _section("ENVIRONMENT", _list(table(DOCS / "guide" / "environment.md", "variable"))),
            _files(),
            _see_also([f"kaito-{name}" for name in SUBCOMMANDS]),
        ]
    )


def _command_page(page: command_line.CommandPage) -> str:
    parts = [
        _head(f"kaito-{page.name}", f"{page.summary[0].lower()}{page.summary[1:]}"),
        _section("SYNOPSIS", _code(page.usage)),
        _section("DESCRIPTION", _paragraph(page.description)),
        *(_section(title.upper(), _list(flags)) for title, flags in page.groups),
    ]
    if page.name == "chat":
        parts += [
            _section("SLASH COMMANDS", _list(command_line.slash_commands())),
            _section("SETTINGS OF /SET", _list(command_line.settings())),
        ]
    if page.examples:
        parts.append(_section("EXAMPLES", _code(page.examples)))
    parts.append(_exit_status())
    if (files := _FILES.get(page.name)) is not None:
        parts.append(_files(files))
    return "".join([*parts, _see_also(["kaito"])])


def _exit_status() -> str:
    return _section("EXIT STATUS", _list(table(DOCS / "guide" / "scripts.md", "exit code")))


def _files(names: Collection[str] | None = None) -> str:
    """Return the section about files.

    Args:
        names: of the files, without their folders; `None` for all.
    """
    files = table(DOCS / "guide" / "environment.md", "file")
    return _section("FILES", _list(file for file in files if names is None or file[0].rpartition("/")[2] in names))


def _see_also(names: Iterable[str]) -> str:
    references = ", ".join(f"\\fB{_escaped(name)}\\fR(1)" for name in names)
    return _section("SEE ALSO", f"{references}\n.PP\nThe guide: {_escaped(url())}\n")


def _head(name: str, summary: str) -> str:
    # Without a date, the same version has the same page.
    title = f'.TH "{name.upper()}" 1 "" "kaito {kaito.__version__}" "kaito"\n'
    # No word is divided: the names of flags have hyphens of their own.
    layout = ".nh\n.ad l\n"
    name_section = _section("NAME", _escaped(f"{name} - {summary}"))
    return f'.\\" Written by python -m docs.man_pages.\n{title}{layout}{name_section}'


def _section(title: str, text: str) -> str:
    return f'.SH "{title}"\n{text.rstrip()}\n'


def _paragraph(text: str) -> str:
    return "\n".join(_marked(line) for line in text.splitlines())


def _list(entries: Iterable[tuple[str, str]]) -> str:
    return "".join(f".TP\n\\fB{_escaped(term)}\\fR\n{_paragraph(text)}\n" for term, text in entries)


def _code(text: str) -> str:
    lines = "\n".join(_escaped(line) for line in text.strip("\n").splitlines())
    return f".nf\n{lines}\n.fi\n"


def _marked(text: str) -> str:
    """Return a line of text, in which code is bold."""
    parts = re.split(r"`([^`]+)`", text)
    marked = "".join(f"\\fB{_escaped(part)}\\fR" if place % 2 else _escaped(part) for place, part in enumerate(parts))
    return marked if text.strip() else ".sp"


def _escaped(text: str) -> str:
    """Return text that is not a request, with the characters that programs for man pages would replace."""
    for character, escape in {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}.items():
        text = text.replace(character, escape)
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
