"""Tables and fields: complete in a pipe, and never wider than the window at a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.columns import Page, TextTable, fields
from kaito.console.width import shorten_middle, width
from kaito.types import Cell, Column, readiness
from kaito.util.sanitize import UNSAFE, one_line

COLUMNS = (
    Column(title="NAME", least=12),
    Column(title="READY"),
    Column(title="MODEL", rank=1, least=10),
    Column(title="AGE", rank=2),
    Column(title="WHY", below=True),
)
ROWS = [
    ("my-llama", readiness(True), "llama-3.1-8b-instruct", "3d", ""),
    ("b", readiness(False), "", "2h", "NodesReady is False (0 of 2 nodes)"),
]


def at(columns, paint=lambda text, hue: text):
    return Page(window=lambda: columns, paint=paint)


def test_a_pipe_gets_all_columns():
    table = TextTable(COLUMNS, Page())
    assert table.add(ROWS) == (
        "NAME       READY   MODEL                   AGE   WHY\n"
        "my-llama   yes     llama-3.1-8b-instruct   3d\n"
        "b          no      -                       2h    NodesReady is False (0 of 2 nodes)\n"
    )
    assert table.remark == ""


def test_reasons_stand_below_their_rows():
    assert TextTable(COLUMNS, at(60)).add(ROWS) == (
        "NAME       READY   MODEL                   AGE\n"
        "my-llama   yes     llama-3.1-8b-instruct   3d\n"
        "b          no      -                       2h\n"
        "  NodesReady is False (0 of 2 nodes)\n"
    )


def test_a_narrow_window_shortens_cells_and_then_leaves_out_columns():
    table = TextTable(COLUMNS, at(38))
    assert table.add(ROWS) == (
        "NAME      READY  MODEL             AGE\n"
        "my-llama  yes    llama-3.…nstruct  3d\n"
        "b         no     -                 2h\n"
        "  NodesReady is False (0 of 2 nodes)\n"
    )
    assert table.remark == "(-o wide shows long names in full)"


def test_what_is_left_out_is_named():
    table = TextTable(COLUMNS, at(20))
    assert table.add(ROWS) == (
        "NAME       READY\nmy-llama   yes\nb          no\n  NodesReady is\n  False (0 of 2\n  nodes)\n"
    )
    assert table.remark == "(-o wide also shows MODEL, AGE)"


def test_what_does_not_fit_stands_below_its_row_if_nothing_may_be_left_out():
    table = TextTable(COLUMNS, at(24), keeps_all=True)
    assert table.add(ROWS) == (
        "NAME       READY\n"
        "my-llama   yes\n"
        "  model:\n"
        "  llama-3.1-8b-instruct\n"
        "  age: 3d\n"
        "b          no\n"
        "  age: 2h\n"
        "  NodesReady is False (0\n"
        "  of 2 nodes)\n"
    )
    assert table.remark == ""


def test_a_long_name_is_shortened_in_the_middle():
    table = TextTable(COLUMNS, at(40))
    text = table.add([("team-a-" + "x" * 60 + "-llama", "yes", "", "", "")])
    assert text.splitlines()[1].startswith("team-a-xxx…xxxx-llama  yes")
    assert table.shortened


def test_a_table_grows_and_never_gets_narrower():
    table = TextTable(COLUMNS, Page())
    table.add([("a-long-name", "yes", "m", "1d", "")])
    assert table.add([("b", "no", "m", "1d", "why")]) == "b             no      m       1d    why\n"


def test_the_header_is_repeated_when_the_columns_change():
    size = [80]
    table = TextTable(COLUMNS, Page(window=lambda: size[0]))
    assert table.add(ROWS).startswith("NAME       READY   MODEL")
    assert table.add(ROWS[:1]).startswith("my-llama")
    size[0] = 20
    assert table.add(ROWS[:1]) == "NAME       READY\nmy-llama   yes\n"


def test_colours_take_no_columns():
    def paint(text, hue):
        return f"<{hue}>{text}</>"

    assert TextTable(COLUMNS, at(60, paint)).add(ROWS[:1]).splitlines()[1] == (
        "my-llama   <good>yes</>     llama-3.1-8b-instruct   3d"
    )
    assert (
        TextTable(COLUMNS, Page(paint=paint))
        .add([("a", readiness(None), "", "", "x")])
        .endswith("a      <unsure>unknown</>   -       -     x\n")
    )
    assert fields([("Ready", Cell("no: it waits", "bad"))], at(30, paint)) == "Ready:  <bad>no</>: it waits\n"
    assert fields([("Ready", Cell("no: it waits", "bad"))], at(20, paint)) == "Ready:  <bad>no</>: it waits\n"
    assert fields([("Ready", Cell("no: it waits for a node", "bad"))], at(20, paint)) == (
        "Ready:\n  <bad>no</>: it waits for a\n  node\n"
    )


def test_fields_are_aligned_and_wrapped():
    rows = [("Name", "my-llama"), ("Nothing", ""), ("Endpoint", "http://my-llama.team-a.svc.cluster.local is long")]
    assert fields(rows, Page()) == (
        "Name:      my-llama\nEndpoint:  http://my-llama.team-a.svc.cluster.local is long\n"
    )
    assert fields(rows, at(54)) == (
        "Name:      my-llama\nEndpoint:  http://my-llama.team-a.svc.cluster.local is\n           long\n"
    )
    assert fields(rows, at(30)) == (
        "Name:      my-llama\nEndpoint:\nhttp://my-llama.team-a.svc.cluster.local\n  is long\n"
    )


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefghij", 7, "abc…hij"),
        ("abcdefghij", 2, "a…"),
        ("abcdefghij", 1, "…"),
        ("abcdefghij", 0, ""),
        ("長い名前です", 8, "長い…す"),
    ],
)
def test_a_text_is_shortened_in_the_middle(text, columns, shown):
    assert shorten_middle(text, columns) == shown


TEXTS = st.text(max_size=120) | st.text(st.sampled_from("ab-/.: 長🤖👩\u200d🚀e\u0301\x1b[2J\u202e"), max_size=300)


@given(
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS), max_size=4),
    st.integers(20, 120),
    st.booleans(),
    st.integers(0, 4),
)
def test_no_line_is_longer_than_the_window(rows, columns, keeps_all, indent):
    page = at(columns)
    table = TextTable(COLUMNS, page, keeps_all=keeps_all, indent=indent)
    text = table.add([(name, Cell(ready, "good"), *rest) for name, ready, *rest in rows])
    text += fields([("Ready", Cell(ready, "bad")) for _, ready, *_ in rows], page)
    for line in text.splitlines():
        assert width(line) <= columns
        assert not UNSAFE.search(line)


@given(TEXTS, st.integers(0, 60))
def test_a_shortened_text_fits(text, columns):
    assert width(shorten_middle(one_line(text), columns)) <= columns
