"""Finds the title of a web page that arrives in place of an answer."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from kaito.util.sanitize import one_line

#: The most characters of a page that are read.
_MAX_PAGE = 64 * 1024
#: The most characters of a title that are kept. It is shortened later, when secrets are removed from the message.
_MAX_TITLE = 4096

#: A `<` that does not begin a short, complete tag. Without them, `html.parser` takes linear time; an unfinished tag it
#: parses again from each later `<`.
_STRAY = re.compile(r"<(?!/?[a-z][^<>]{0,200}>)", re.IGNORECASE)


def is_page(content_type: str, text: str) -> bool:
    """Return whether a body is a web page, by its content type or its beginning."""
    return "html" in content_type.lower() or text.lstrip()[:9].lower().startswith(("<!doctype", "<html"))


def page_title(text: str) -> str:
    """Return the text of a page's `title`, or else of its first `h1`; `""` if it has neither."""
    finder = _TitleFinder()
    finder.feed(_STRAY.sub(" ", text[:_MAX_PAGE]))
    finder.close()
    titles = (one_line("".join(finder.titles[name])) for name in ("title", "h1"))
    return next((title for title in titles if title), "")[:_MAX_TITLE]


class _TitleFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.titles: dict[str, list[str]] = {"title": [], "h1": []}
        self._inside = ""
        self._size = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._inside and tag in self.titles and not self.titles[tag]:
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside and self._size < 2 * _MAX_TITLE:
            self.titles[self._inside].append(data[:_MAX_TITLE])
            self._size += len(data)
