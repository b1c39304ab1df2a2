"""Links in the documentation name files and headings that exist."""

import re
from pathlib import Path

import pytest

from docs import repository

ROOT = repository.ROOT
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "plugins/*/*.md")
    for path in ROOT.glob(pattern)
    if "_build" not in path.parts
)
OURS = f"{repository.url()}/"


def target_of(page: Path, link: repository.Link) -> Path | None:
    """Return the file that a link names, or None for a page of another site."""
    if link.target == repository.url():
        return ROOT / "README.md"
    if match := re.fullmatch(rf"{re.escape(OURS)}(?:blob|tree|raw)/main/(?P<place>.+)", link.target):
        return ROOT / match["place"]
    assert not re.match(rf"{re.escape(OURS)}(blob|tree|raw)/", link.target), f"{link.target} is not of the branch main"
    if "://" in link.target:
        return None
    return page.parent / link.target if link.target else page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_name_what_exists(page):
    for link in repository.links(page.read_text("utf-8")):
        target = target_of(page, link)
        if target is None:
            assert link.target.startswith("https://"), f"{link.target} is not https"
            continue
        assert target.exists(), f"{link.target} does not exist"
        assert target.resolve().is_relative_to(ROOT), f"{link.target} is outside of the repository"
        if link.fragment:
            assert link.fragment in repository.anchors(target.read_text("utf-8")), f"{link} has no such heading"


@pytest.mark.parametrize(
    "page",
    sorted(path.with_name("README.md") for path in [ROOT / "setup.cfg", *ROOT.glob("plugins/kaito-*/setup.cfg")]),
)
def test_a_page_that_goes_to_an_index_has_absolute_links(page):
    links = [link.target for link in repository.links(page.read_text("utf-8")) if link.target]
    assert [target for target in links if "://" not in target] == []


def test_a_link_to_a_missing_heading_is_found():
    assert repository.anchors("# A `b`: c's, d\n\n```sh\n# no heading\n```\n## Two words") == {"a-b-cs-d", "two-words"}
    text = "[a](b.md#c) `[x](y)` [d](#e)\n\n```\n[f](g)\n```\n\n    [h](i)\n"
    assert list(repository.links(text)) == [repository.Link("b.md", "c"), repository.Link("", "e")]


def test_links_of_the_site_to_other_files_are_absolute(tmp_path):
    page = repository.DOCS / "guide" / "status.md"
    text = "[a](chat.md) [b](../../deploy/README.md#x) [c](../../deploy) [d](https://x) [e](nothing.md)"
    assert repository.with_absolute_links(text, page) == (
        f"[a](chat.md) [b]({OURS}blob/main/deploy/README.md#x) [c]({OURS}tree/main/deploy) [d](https://x) [e](nothing.md)"
    )
