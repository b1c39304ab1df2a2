"""Conversations as Markdown, HTML and JSON: readable, and harmless whatever a model has written."""

import json
import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.chat.transcripts import read_conversation
from kaito.errors import KaitoError, UsageError
from kaito.history.exported_conversation import Export, export_of, shown_time
from kaito.history.exports import as_markdown, exported, iso_time, write_export
from kaito.history.html_export import as_html
from kaito.types import ConversationInfo, Image, Message, ToolCall
from kaito.util.fenced_code import open_fence, outside_code, split_code
from tests.history.talks import ORIGIN
from tests.images import png

ANSWER = "# Title\n\nUse `x < y`:\n\n```python\nprint('<b>')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](http://tracker/x.png)",
    "![x](javascript:alert(1))",
    "<https://ok.example>",
    "[x](vbscript:x)",
    "[x]: javascript:alert(1)\n\n[x]",
    "`</code></pre><script>alert(1)</script>`",
    "```\"><script>alert(1)</script>\nx\n```",
    "</section></body><script>alert(1)</script>",
    "&lt;script&gt;",
    "a\x1b]8;;http://x\x07b\u202e",
    "> " * 2000 + "deep",
    "[" * 3000,
    "*" * 3000,
]  # fmt: skip


class Elements(HTMLParser):
    """Collects the elements and the attributes of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags = set()
        self.attributes = set()
        self.links = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value for name, value in attrs if name in ("href", "src")}


@pytest.fixture(params=[True, False], ids=["markdown-it", "without"])
def renderer(request, monkeypatch):
    """Render Markdown with the package, or without it."""
    if request.param:
        pytest.importorskip("markdown_it")
    else:
        monkeypatch.setitem(sys.modules, "markdown_it", None)
    return request.param


def check_harmless(page):
    elements = Elements(page)
    assert not elements.tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    assert not {name for name in elements.attributes if name.startswith("on")}
    assert all(re.match("https?://|mailto:|#|data:image/", link) for link in elements.links)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_page_is_harmless(renderer, text, role):
    page = as_html(Export(messages=[Message(role, text)], title=text, id="7k3mq9xd", details=(("Model", text),)))
    check_harmless(page)
    # Nothing is loaded from elsewhere.
    assert "img" not in Elements(page).tags


@given(text=st.text() | st.text(alphabet="<>&\"'`~*_[]()!#|-\n \\:/abjs"), title=st.text())
def test_any_text_is_harmless(text, title):
    messages = [Message("user", text), Message("assistant", text, tool_calls=(ToolCall("1", text, text),))]
    export = Export(messages=messages, title=title)
    check_harmless(as_html(export))
    assert as_markdown(export).count("\n## Assistant\n") >= 1
    json.loads(exported(export, "json"))


def test_a_page_shows_what_was_said(renderer):
    image = Image.read(png(2, 2), '"><b>.png')
    messages = [
        Message("system", "Be brief"),
        Message("user", "a < b\n\n```sh\nls\n```", images=(image,)),
        Message("assistant", ANSWER),
    ]
    page = as_html(Export(messages=messages, title="T", id="7k3mq9xd"))
    assert '<div class="text">a &lt; b</div>\n<pre><code class="language-sh">ls\n</code></pre>' in page
    assert '<pre><code class="language-python">print(' in page
    assert "&lt;b&gt;" in page
    assert f'src="{image.url}"' in page
    assert ("<table>" in page) == renderer
    assert ("<h1>Title</h1>" in page) == renderer
    assert "<dt>Conversation</dt><dd>7k3mq9xd</dd>" in page


def test_markdown_shows_what_was_said():
    info = ConversationInfo(id="7k3mq9xd", title="What\x1b[2J?", created=0, updated=1e9, turns=1, origin=ORIGIN)
    messages = [
        Message("user", "q\x1b[2J"),
        Message("assistant", "```\ncut"),
        Message("user", "b"),
        Message("assistant", "c"),
    ]
    text = as_markdown(export_of(info, messages))
    assert text.startswith(
        "# What?\n\n- With: my-llama (namespace team-a, context prod)\n- Model: llama\n- Date: 2001-09-"
    )
    # A block that is still open does not take the rest into it.
    assert "- Conversation: 7k3mq9xd\n\n## You\n\nq\n\n## Assistant\n\n```\ncut\n```\n\n## You\n\nb\n" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("## Rolling back\n\ntext\n\n### Details", "### Rolling back\n\ntext\n\n#### Details"),
        ("# A #\n## B\n###### C", "### A #\n#### B\n###### C"),
        ("Title\n=====\n\ntext\n\nPart\n---", "### Title\n\ntext\n\n#### Part"),
        ("##\ttab\n#", "####\ttab\n###"),
        # Already below, or no headings at all.
        ("### C\n#### D", "### C\n#### D"),
        ("#hash\n\n- item\n---\n| a |\n---\n\ntext", "#hash\n\n- item\n---\n| a |\n---\n\ntext"),
        ("```sh\n# comment\n```\n# A\n~~~\n# open", "```sh\n# comment\n```\n### A\n~~~\n# open\n~~~"),
        ("one\ntwo\n---", "one\ntwo\n---"),
    ],
)
def test_headings_of_a_message_are_below_its_speaker(text, shown):
    markdown = as_markdown(Export(messages=[Message("assistant", text)]))
    assert markdown == f"# Conversation\n\n\n## Assistant\n\n{shown}\n"


@given(st.text(alphabet="#=-`~\n ab\t"))
def test_no_heading_of_a_message_is_that_of_a_speaker(text):
    markdown = as_markdown(Export(messages=[Message("assistant", text)]))
    between = "".join(part.text if not part.code else "" for part in outside_code(markdown))
    assert re.findall(r"^ {0,3}#{1,2}(?!#)(?=[ \t]|$).*$", between, re.MULTILINE) == ["# Conversation", "## Assistant"]
    assert "".join(part.text for part in outside_code(text)) == text


def test_data_has_separate_fields():
    info = ConversationInfo(id="7k3mq9xd", title="T", created=0, updated=1e9, turns=1, origin=ORIGIN)
    data = json.loads(exported(export_of(info, [Message("user", "q"), Message("assistant", "a")]), "json"))
    assert {name: data[name] for name in ("workspace", "namespace", "context", "model", "updated")} == {
        "workspace": "my-llama",
        "namespace": "team-a",
        "context": "prod",
        "model": "llama",
        "updated": "2001-09-09T01:46:40Z",
    }
    assert not {"with", "date", "server"} & {*data}


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("nan"), float("inf")])
def test_times_that_no_calendar_has(seconds):
    assert shown_time(seconds) == "unknown"
    assert iso_time(seconds) is None


def test_json_is_loaded_again(tmp_path):
    image = Image.read(png(2, 2), "a.png")
    calls = Message("assistant", "", tool_calls=(ToolCall("1", "f", "{}"),))
    messages = [
        Message("user", "q", images=(image,)),
        calls,
        Message("tool", "r", tool_call_id="1"),
        Message("assistant", "a"),
    ]
    write_export(tmp_path / "talk.json", Export(messages=messages, id="7k3mq9xd"))
    assert read_conversation(tmp_path / "talk.json") == messages


@pytest.mark.parametrize("name", ["x.md", "x.MARKDOWN", "x.html", "x.htm", "x.json"])
def test_a_file_is_replaced_by_its_own_conversation_alone(tmp_path, name):
    path = tmp_path / name
    for text in ("one", "one and two"):
        write_export(path, Export(messages=[Message("user", text), Message("assistant", "a")], id="7k3mq9xd"))
    before = path.read_text()
    assert "one and two" in before
    for export in (Export(messages=[], id="8m4nr2yd"), Export(messages=[])):
        with pytest.raises(KaitoError, match="is not an export of this conversation"):
            write_export(path, export)
    assert path.read_text() == before
    write_export(path, Export(messages=[]), force=True)
    assert path.read_text() != before


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"does not end with \.md, \.html or \.json"):
        write_export(tmp_path / "x.txt", Export(messages=[]))
    with pytest.raises(KaitoError, match="No such file"):
        write_export(tmp_path / "nothing" / "x.md", Export(messages=[]))
    (tmp_path / "x.md").mkdir()
    with pytest.raises(KaitoError, match="not a regular file"):
        write_export(tmp_path / "x.md", Export(messages=[]), force=True)


@given(st.text(alphabet="`~\n abc"))
def test_code_is_split_without_losing_lines(text):
    parts = [*split_code(text)]
    assert sum(part.text.count("a") for part in parts if not part.code) <= text.count("a")
    closed = f"{text}\n{open_fence(text)}" if open_fence(text) else text
    assert open_fence(closed) == ""
