"""Tables on wide and narrow screens."""

import pytest
from kaito_rich.table_rows import MOST_COLUMNS

TABLE = "| Name | What it *is* |\n|:---|---:|\n| alpha | the first letter |\n| 数量 | `x` |\n"


def test_borders_and_alignments(draw):
    assert draw(TABLE, 60) == (
        "Assistant: \n"
        "┌───────┬──────────────────┐\n"
        "│ Name  │       What it is │\n"
        "├───────┼──────────────────┤\n"
        "│ alpha │ the first letter │\n"
        "│ 数量  │              `x` │\n"
        "└───────┴──────────────────┘\n"
    )


def test_cells_wrap(draw):
    out = draw(TABLE, 22)
    assert all(len(row) <= 22 for row in out.split("\n"))
    assert "│  the first │\n│       │     letter │" in out


def test_without_space_for_its_columns_a_table_is_a_list(draw):
    assert draw(TABLE, 16) == (
        "Assistant: \n"
        "────────────────\n"
        "Name: alpha\n"
        "What it is: the\n"
        "first letter\n"
        "────────────────\n"
        "Name: 数量\n"
        "What it is: `x`\n"
        "────────────────\n"
    )
    assert draw("|a|\n|-|\n", 3) == "Assistant: \n───\na\n───\n"


def test_a_table_in_a_list_or_quote(draw):
    assert draw("> |a|\n> |-|\n> |b|") == "Assistant: \n│ ┌───┐\n│ │ a │\n│ ├───┤\n│ │ b │\n│ └───┘\n"


def test_richs_own_markup_has_no_effect_in_a_cell(draw):
    assert "[red]:smile:[/red]" in draw("|[red]:smile:[/red]|\n|-|\n")


def test_colours(draw):
    out = draw("|a|\n|-|\n|**b**|", colour=True)
    assert "\x1b[2m│\x1b[0m \x1b[1ma\x1b[0m \x1b[2m│\x1b[0m" in out
    assert "\x1b[1mb\x1b[0m" in out


def test_a_line_break_in_a_cell(draw):
    assert "│ a │\n│ b │\n" in draw("|x|\n|-|\n|a<br>b|")


@pytest.mark.parametrize(("titles", "rules"), [(MOST_COLUMNS + 1, 1), (1, MOST_COLUMNS + 1)])
def test_lines_with_too_many_columns_are_text(draw, titles, rules):
    lines = ["|" + "a|" * titles, "|" + "-|" * rules, "|b|"]
    assert draw("\n".join(lines), 500) == "Assistant: " + "\n".join(lines) + "\n"
    fewer = ["|" + "a|" * (titles - 1 or 1), "|" + "-|" * (rules - 1 or 1), "|b|"]
    assert draw("\n".join(fewer), 500).startswith("Assistant: \n┌─")
