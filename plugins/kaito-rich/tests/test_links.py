"""Links of the terminal: which addresses it may open, and which are shown beside the text."""

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaito_rich.formatter import Markdown
from kaito_rich.links import misleads, opened_address

from kaito.settings import Settings
from kaito.testing import Say, kaito_command
from kaito.types import Delta, Reply, Screen

URL = "https://kaito.sh/docs"


def rendered(*pieces, links=True, width=80):
    """Return the answer on a terminal with colours."""
    formatter = Markdown(Screen(terminal=True, colour=True, links=links, width=lambda: width), Settings())
    text = "".join(formatter.feed(Delta(content=piece)) for piece in pieces)
    return text + formatter.finish(Reply(content="".join(pieces), finish_reason="stop"))


def link(text, url=URL):
    return f"\x1b]8;id={zlib.crc32(url.encode()):x};{url}\x1b\\\x1b[4m{text}\x1b[0m\x1b]8;;\x1b\\"


@pytest.mark.parametrize("pieces", [["[Docs](https://kaito.sh/docs) end"], list("[Docs](https://kaito.sh/docs) end")])
def test_a_link_hides_its_address_where_the_terminal_opens_it(pieces):
    assert rendered(*pieces) == f"Assistant: {link('Docs')} end\n"
    assert rendered(*pieces, links=False) == (
        "Assistant: \x1b[4mDocs\x1b[0m \x1b[2m(https://kaito.sh/docs)\x1b[0m end\n"
    )


def test_an_address_is_a_link():
    assert rendered(f"<{URL}> end") == f"Assistant: {link(URL)} end\n"


def test_a_link_in_a_table():
    assert link("Docs") in rendered(f"| a |\n|---|\n| [Docs]({URL}) |\n")


def opened(text, **options):
    """Return the texts that open an address, with it."""
    found = re.findall(r"\x1b]8;id=[^;]*;([^\x1b]+)\x1b\\(.*?)\x1b]8;;\x1b\\", rendered(text, **options))
    return [(re.sub(r"\x1b\[[0-9;]*m", "", shown).strip(), address) for address, shown in found]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://h.example/a_b/__init__.py, please", "https://h.example/a_b/__init__.py"),
        ("(https://h.example/a_(b)?c=1#d).", "https://h.example/a_(b)?c=1#d"),
        ("**http://h.example/a**", "http://h.example/a"),
        ("- a\n  > https://h.example", "https://h.example"),
        ("# https://h.example", "https://h.example"),
        ("见https://h.example/a。", "https://h.example/a"),
        ("| a |\n|---|\n| **https://h.example/a**. |", "https://h.example/a"),
    ],
)
def test_a_bare_address_is_a_link(text, address):
    assert opened(text) == [(address, address)]
    assert rendered(text) == rendered(*text)


@pytest.mark.parametrize(
    "text",
    [
        "`https://h.example`",
        "| a |\n|---|\n| `https://h.example` |",
        "```\nhttps://h.example\n```",
        "ftp://h.example xhttps://h.example https:// https://пример.рф",
        # It may go on after the ASCII letters.
        "https://h.example/wiki/日本 https://h.example/wiki/é",
        f"https://h.example/{'x' * 80}https://h.example/",
    ],
)
def test_what_may_not_be_the_address_is_no_link(text):
    assert opened(text) == []
    assert rendered(text) == rendered(*text)


def test_a_link_in_several_rows_is_one():
    text = rendered(f"[{'word ' * 10}]({URL})", width=20)
    assert set(re.findall(r"\x1b]8;(id=[^;]*;[^\x1b]+)", text)) == {f"id={zlib.crc32(URL.encode()):x};{URL}"}


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "file:///etc/passwd", "ssh://host", "data:text/html,x", "/docs", "https://", "x"]
)
def test_other_addresses_are_shown_and_not_opened(target):
    text = rendered(f"[a]({target})")
    assert "\x1b]8" not in text
    assert f"({target})" in text


@pytest.mark.parametrize(
    ("text", "target", "is_shown"),
    [
        ("the documentation", URL, False),
        ("kaito.sh", URL, False),
        ("https://kaito.sh/docs/", URL, False),
        ("me@example.com", "mailto:me@example.com", False),
        ("https://bank.example", "https://evil.example", True),
        ("bank.example", "https://bank.example.evil.example", True),
        ("bank.example", "https://bank.example@evil.example", True),
        ("bank.example", "https://bank.example:x@evil.example", True),
        ("bank\u2024example", "https://evil.example", True),
        ("bank\u3002example", "https://evil.example", True),
        ("bank\uff0eexample", "https://evil.example", True),
        ("", URL, True),
    ],
)
def test_an_address_that_the_text_does_not_tell_is_shown(text, target, is_shown):
    shown = rendered(f"[{text}]({target})")
    assert (f"({target})" in shown) is is_shown
    assert misleads(text, target) is (is_shown and bool(text))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://kaito.sh/ä b", "https://kaito.sh/%C3%A4%20b"),
        ("HTTP://kaito.sh/?a=1&b=2#c", "HTTP://kaito.sh/?a=1&b=2#c"),
        ("https://kаito.sh", ""),
        ("https://[::1", ""),
        ("https://x/" + "a" * 2000, ""),
    ],
)
def test_an_address_is_in_ascii(url, address):
    assert opened_address(url) == address


@given(st.text(max_size=50))
def test_no_address_ends_the_sequence(text):
    assert re.fullmatch("[!-~]*", opened_address(f"https://x/{text}"))


def test_a_terminal_with_links(terminal, model_server, monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "rich")
    for variables, has_links in (
        ({"VTE_VERSION": "7000"}, True),
        ({}, False),
        ({"TMUX": "1", "VTE_VERSION": "7000"}, False),
    ):
        model_server.enqueue(Say(f"[Docs]({URL})"))
        command = kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi")
        session = terminal(command, env=variables)
        assert session.wait_exit() == 0
        assert (link("Docs").encode() in session.raw) is has_links
        assert (f"({URL})" in session.transcript) is not has_links
