"""The examples of the README and the guide: fenced blocks, and how each of them is tested.

A comment before a block makes an exception, with its reason: `<!-- example: not run: it installs packages -->`.

| comment | what the tests do |
| --- | --- |
| none | a block of commands runs in a shell and succeeds; a session is replayed |
| `not run: REASON` | its commands are only parsed: each flag and subcommand exists |
| `exit code N` | the block runs, and ends with this code |

A command that does not end by itself, such as `kaito forward`, is ended by SIGINT once it has written something. One that
starts an editor runs on a terminal.
Blocks of commands have the language `sh`, `zsh` or `fish`. A session is `text` that begins with the prompt, `> `. A block
of `console` has commands after `$ `, and what they print: a line `...` stands for any lines.

There is one conversation in the history: the ID `7k3mq9xd` stands for its ID.

The first block of `toml` in a page is the configuration for the page's commands.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs.repository import DOCS, ROOT
from tests.images import png

SHELLS = ("sh", "zsh", "fish")
#: The pages whose examples are tested.
PAGES = [ROOT / "README.md", *sorted((DOCS / "guide").glob("*.md")), DOCS / "go-plugin.md"]

_BLOCK = re.compile(
    r"^(?:<!-- example: (?P<rule>[^>]+) -->\n\n?)?^ *```(?P<language>[\w{}-]*)\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_SEPARATORS = re.compile(r"[;&|()<>]+")


class Example(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str
    #: The rule of the comment before it: `not run`, `exit code 3`, or an empty one.
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def config(self) -> str:
        """The configuration that its page describes; empty if there is none."""
        return next((each.code for each in read(self.page) if each.language == "toml"), "")

    @property
    def parts(self) -> list[str]:
        """The code, divided so that a command that does not end by itself, or needs a terminal, is alone."""
        lines = re.findall(r"(?:.*\\\n)*.*\n", self.code)
        if not any(is_endless(line) or needs_terminal(line) for line in lines):
            return [self.code]
        kinds = itertools.groupby(lines, lambda line: (is_endless(line), needs_terminal(line)))
        return ["".join(part) for _, part in kinds]


def is_endless(code: str) -> bool:
    """Return whether a command runs until Ctrl-C."""
    return bool(re.search(r"\bkaito (forward\b|status\b.* (-w|--watch)\b)", code))


def needs_terminal(code: str) -> bool:
    """Return whether a command starts an editor."""
    return bool(re.search(r"\bkaito config edit\b", code))


def examples(*languages: str) -> list[Example]:
    """Return the examples in some languages, or all."""
    found = [example for page in PAGES for example in read(page)]
    return [example for example in found if not languages or example.language in languages]


def read(page: Path) -> Iterator[Example]:
    """Yield the fenced blocks of a page."""
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        rule, _, reason = (match["rule"] or "").partition(": ")
        line = text.count("\n", 0, match.start("language")) + 1
        yield Example(page, line, match["language"], match["code"], rule, reason)


def write_files(folder: Path) -> None:
    """Write the files that the examples name."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    schema = {"type": "object", "properties": {"items": {"type": "array"}}, "required": ["items"]}
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
    for name, value in {"tools.json": [tool], "order.json": schema, "notes.json": messages}.items():
        (folder / name).write_text(json.dumps(value))
    (folder / "questions.txt").write_text("What is a Pod?\nWhat is a Node?\n")
    for name in ("key.txt", ".secrets/models"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("secret\n")
    (folder / "review.md").write_text("Review the code.\n")
    (folder / "cat.png").write_bytes(png(640, 480))


def write_config(folder: Path, config: str) -> None:
    """Write a configuration and the files that it names into an XDG folder."""
    folder /= "kaito"
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config)
    (folder / "prompts" / "review.md").write_text(
        "Review the code. Answer in {{lang}}, in at most {{ lines }} lines.\n"
    )
    (folder / "team-headers").write_text("X-Team: search\n")


def commands(code: str) -> Iterator[list[str]]:
    """Yield the commands of a shell's lines, as words, also those in pipes and in `$(…)`.

    Raises:
        ValueError: a quote is not closed.
    """
    lines = code.replace("\\\n", " ").splitlines()
    for line in lines:
        words: list[str] = []
        for word in _words(line):
            if _SEPARATORS.fullmatch(word):
                yield from filter(None, [words])
                words = []
            else:
                words.append(word)
        yield from filter(None, [words])


def _words(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for word in lexer:
        # Inside double quotes, a shell runs the commands of `$(…)`, too.
        _start, inner, rest = word.partition("$(")
        if inner and ")" in rest and " " in rest:
            yield from [";", *_words(rest.partition(")")[0]), ";"]
        elif word := word.removesuffix("$"):
            yield word
