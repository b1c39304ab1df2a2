"""Exports a conversation as one self-contained HTML page, without scripts and further files."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from kaito.history.exported_conversation import SPEAKERS, Export
from kaito.types import Image, Message
from kaito.util.fenced_code import split_code
from kaito.util.sanitize import one_line, sanitize

# Nothing is loaded from elsewhere, whatever a model has written: images are part of the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --user: #8882; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; opacity: .75; }
dd { margin: 0; } section { margin: 1.25rem 0; } .who { font-weight: 600; font-size: .85rem; opacity: .75; }
.user .what, .system .what { background: var(--user); border-radius: .5rem; padding: .6rem .9rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem; overflow-x: auto; }
pre, code { font: .9em/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .25rem .6rem; }
img { max-width: 100%; } blockquote { border-left: 3px solid var(--line); margin-left: 0; padding-left: 1rem; }
""".strip()

_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,40}")


def as_html(export: Export) -> str:
    """Return a conversation as an HTML document."""
    rendered = _markdown_renderer()
    title = escape(one_line(export.title))
    details = [*export.details, *([("Conversation", export.id)] if export.id is not None else [])]
    rows = "".join(f"<dt>{escape(one_line(name))}</dt><dd>{escape(one_line(text))}</dd>\n" for name, text in details)
    sections = "".join(_section(message, rendered) for message in export.messages)
    mark = f"<!-- {escape(export.mark)} -->\n" if export.mark else ""
    return (
        f'<!DOCTYPE html>\n{mark}<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<dl>\n{rows}</dl>\n{sections}</body>\n</html>\n"
    )


def _section(message: Message, rendered: Callable[[str], str]) -> str:
    text = sanitize(message.content).strip("\n")
    # Only the model writes Markdown; what the user typed is shown as it was typed.
    body = (rendered(text) if message.role == "assistant" else _with_code(text)) if text.strip() else ""
    images = "".join(map(_image, message.images))
    calls = "".join(f"<pre><code>{escape(sanitize(call.shown))}</code></pre>\n" for call in message.tool_calls)
    return (
        f'<section class="{message.role}">\n<div class="who">{SPEAKERS[message.role]}</div>\n'
        f'<div class="what">\n{images}{body}{calls}</div>\n</section>\n'
    )


def _image(image: Image) -> str:
    return f'<p><img src="{escape(image.url)}" alt="{escape(one_line(image.shown))}"></p>\n'


def _markdown_renderer() -> Callable[[str], str]:
    """Return a function that renders Markdown; without the package `markdown-it-py`, one that escapes text."""
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        return _with_code
    # HTML is escaped, links lead to http, https and mailto only, and images stay text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    markdown.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]

    def rendered(text: str) -> str:
        try:
            return str(markdown.render(text))
        except RecursionError:  # nested more deeply than anyone writes
            return _with_code(text)

    return rendered


_SAFE_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def _with_code(text: str) -> str:
    """Return escaped text, in which code blocks are `pre` elements."""
    parts = []
    for part in split_code(text):
        if part.code:
            name = f' class="language-{part.language}"' if _LANGUAGE.fullmatch(part.language) else ""
            parts.append(f"<pre><code{name}>{escape(part.text)}\n</code></pre>\n")
        elif part.text.strip():
            parts.append(f'<div class="text">{escape(part.text.strip(chr(10)))}</div>\n')
    return "".join(parts)
