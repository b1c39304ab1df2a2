"""Links to files of the repository: relative in a checkout, absolute in the site and on a package index."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

_FENCED = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)`*~*$|`[^`\n]+`|^ {4}.*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<before>\]\()(?P<target>[^()\s]+)(?P<after>\))")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a page in Markdown: its target, and the fragment behind `#`."""

    target: str
    fragment: str


def write_generated(folder: Path, pages: Mapping[str, str], pattern: str) -> None:
    """Write pages that are generated, by their file names, and remove the other files of the pattern.

    A page is written only when it has changed: Sphinx then reads it again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(pattern):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def url() -> str:
    """Return the repository's address, as the package's metadata names it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["metadata"]["url"]


def links(text: str) -> Iterator[Link]:
    """Yield the links of a page in Markdown, without those in code."""
    for match in _LINK.finditer(_FENCED.sub("", text)):
        target, _, fragment = match["target"].partition("#")
        yield Link(target, fragment)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and Sphinx make them."""
    headings = re.findall(
        r"^#+ (.+?)\s*$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def table(page: Path, column: str) -> list[tuple[str, str]]:
    """Return the rows of a page's table with two columns: plain text, and Markdown without links.

    Args:
        page: the page in Markdown.
        column: the title of the first column.
    """
    rows = re.search(rf"^\| {re.escape(column)} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", page.read_text("utf-8"), re.MULTILINE)
    if rows is None:
        raise ValueError(f"{page.name} has no table with the column '{column}'")
    cells = [re.findall(r"(?<=\| ).*?(?= \|)", line) for line in rows[1].splitlines()]
    return [(name.replace("`", ""), re.sub(r"\[(.+?)\]\(.+?\)", r"\1", text)) for name, text in cells]


def with_absolute_links(text: str, path: Path) -> str:
    """Return a page of the site, in which links to files outside of the site are those of the repository.

    Args:
        text: the page in Markdown.
        path: its file.
    """

    def absolute(match: re.Match[str]) -> str:
        target = match["target"]
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        name, _, fragment = target.partition("#")
        file = (path.parent / name).resolve()
        if file.is_relative_to(DOCS) or not file.exists():
            return match[0]
        kind = "tree" if file.is_dir() else "blob"
        place = f"{url()}/{kind}/main/{file.relative_to(ROOT).as_posix()}"
        return f"{match['before']}{place}{'#' * bool(fragment)}{fragment}{match['after']}"

    return _LINK.sub(absolute, text)
