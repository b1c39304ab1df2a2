"""Titles of web pages, hostile ones included."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.error_responses import parse_error_response
from kaito.openai.pages import page_title


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<!DOCTYPE html><html><head><title>Sign &amp; in</title></head><h1>Welcome</h1>", "Sign & in"),
        ("<html><body><center><h1>502 Bad\n Gateway</h1></center><hr>nginx", "502 Bad Gateway"),
        ("<TITLE lang='en'>No</TITLE>", "No"),
        ("<title>404 Not Found", "404 Not Found"),
        ("<title></title><h1>First</h1><h1>Second</h1>", "First"),
        ("<h1>a <b>bold</b> word</h1>", "a bold word"),
        ("<h1>a < b</h1>", "a b"),
        ("<p>none", ""),
        ("", ""),
        ("<title>" + "x" * 5000, "x" * 4096),
    ],
)
def test_the_title_of_a_page(page, title):
    assert page_title(page) == title


UNITS = ["<h1>", "<title>", "<h1", "<a ", "<a b='", "<a b=", "<!--", "<![CDATA[", "</", "</a", "<?", "<!", "<", "&#", "&amp", "<script>", "<a\n", "<a b>", "<!-->"]  # fmt: skip


def work(function, *arguments):
    """Return how many calls a function makes, those of C included."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function(*arguments)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.timeout(10)  # html.parser alone takes 40 s for some of these
def test_a_hostile_page_takes_linear_work(unit):
    pages = [("<html>" + unit * count).encode() for count in (1000, 16_000)]
    few, many = (work(parse_error_response, 500, {"Content-Type": "text/html"}, page) for page in pages)
    assert many <= 20 * few


@given(st.text(st.sampled_from("<>/!-='\"&#;ah1 title"), max_size=200))
def test_no_page_breaks_it(page):
    assert len(page_title("<html>" + page)) <= 200
