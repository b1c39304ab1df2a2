"""The cost of an answer is proportional to its length. Work is counted, as times depend on the machine's load."""

import sys

import pytest
from kaito_rich.line_starts import LONGEST_LINE
from rich.cells import split_graphemes

#: Each of them, repeated, is one word or a line full of marks.
UNITS = ("a", "*", "**a", "`", "` a", "[", "[a](", "|", "_", "_a", "<", "<a:", "#", "-", "- ", "~", "\\", "&", " ",
         "日", "、", "e\u0301", "\u0301", "👨\u200d👩\u200d👧\u200d", "☁\ufe0f", "\u200d")  # fmt: skip
#: The text before it: none, or marks that make it an item in a quote, a heading, bold, code.
PLACES = ("", "> - ", "# ", "**", "```python\n")
#: The number of characters in one piece: a token, or everything at once.
SIZES = [pytest.param(1, id="tokens"), pytest.param(sys.maxsize, id="whole")]


@pytest.fixture
def split(monkeypatch):
    """Return a list of the lengths of all texts that are split into graphemes."""
    lengths = []

    def counting(text):
        lengths.append(len(text))
        return split_graphemes(text)

    monkeypatch.setattr("kaito_rich.word.split_graphemes", counting)
    return lengths


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [1, 80])
def test_graphemes_are_split_at_the_end_of_a_row_only(draw, split, unit, size, width):
    length = LONGEST_LINE + 1000
    for place in PLACES:
        split.clear()
        text = place + unit * (length // len(unit))
        draw([text[start : start + size] for start in range(0, len(text), min(size, len(text)))], width, colour=True)
        assert sum(split) <= 3 * len(text), place


def calls(action):
    """Return the number of function calls of an action."""
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", SIZES)
def test_twice_the_text_takes_twice_the_calls(draw, unit, size):
    def steps(length):
        text = unit * (length // len(unit))
        pieces = [text[start : start + size] for start in range(0, len(text), min(size, len(text)))]
        return calls(lambda: draw(pieces, colour=True))

    steps(10)  # what is loaded once
    # The maximum of pending text makes some difference, as half of it is parsed later.
    once, twice, thrice = (steps(number * 2 * LONGEST_LINE) for number in (1, 2, 3))
    assert thrice - twice <= 1.2 * (twice - once) + 100
