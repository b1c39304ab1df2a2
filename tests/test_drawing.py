"""Screens drawn as SVG, for the pictures of the documentation; tests/e2e/cluster/test_pictures.py has the pictures."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs import pictures
from docs.repository import DOCS, ROOT

SVG = "{http://www.w3.org/2000/svg}"


def drawn(raw, columns=40, **options):
    """Return the elements of a picture's text, after its title."""
    rows = pictures.read_rows(raw.encode(), columns, 5, **options)
    picture = ET.fromstring(pictures.draw(rows, columns, "a title"))
    return [element for group in picture.iter(f"{SVG}g") for element in group.iter(f"{SVG}text")]


def attributes(raw):
    [element] = drawn(raw)
    return {name: value for name, value in element.items() if name not in ("x", "y", "textLength")}


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("0", {}),
        ("31", {"fill": "#f0717b"}),
        ("1;3;4;9", {"font-weight": "bold", "font-style": "italic", "text-decoration": "underline line-through"}),
        ("2", {"fill": "#8b93a1"}),
        ("38;5;2", {"fill": "#00cd00"}),
        ("38;2;1;2;3", {"fill": "#010203"}),
        ("2;22", {}),
        ("7", {"fill": "#16191f"}),
    ],
)
def test_a_style(codes, expected):
    assert attributes(f"\x1b[{codes}mtext") == expected


def test_faint_text_keeps_its_colour():
    assert attributes("\x1b[2;31mtext") == attributes("\x1b[31;2mtext")
    assert attributes("\x1b[31;2mtext") != attributes("\x1b[31mtext")


def test_each_part_is_drawn_in_its_column():
    elements = drawn("🤖 Connected  to\r\n  中文 a")
    assert [element.text for element in elements] == ["🤖", "Connected", "to", "中", "文", "a"]
    assert [round((float(element.get("x")) - 16) / 8.4) for element in elements] == [0, 3, 14, 2, 4, 7]
    assert [element.get("y") for element in elements] == ["48"] * 3 + ["67"] * 3


def test_what_differs_from_run_to_run_is_replaced():
    elements = drawn("\x1b[32mport 49152\x1b[0m is open for 3 s", replacing={r"\d{5}": "8080", r"(\d) s$": r"1\1 s"})
    assert [element.text for element in elements] == ["port 8080", "is open for 13 s"]


@given(st.text(max_size=100))
def test_any_text_makes_a_picture(text):
    rows = pictures.read_rows(text.encode(), 20, 5)
    picture = pictures.draw(rows, 20, "<&>")
    assert picture == pictures.draw(rows, 20, "<&>")
    ET.fromstring(picture)


def test_each_picture_is_shown_and_drawn_by_a_test():
    names = {file.stem for file in (DOCS / pictures.FOLDER).glob("*.svg")}
    source = (ROOT / "tests" / "e2e" / "cluster" / "test_pictures.py").read_text("utf-8")
    pages = "".join(file.read_text("utf-8") for file in [ROOT / "README.md", *DOCS.rglob("*.md")])
    assert len(names) >= 5
    for name in names:
        assert f'"{name}"' in source
        assert f"{pictures.FOLDER}/{name}.svg" in pages
