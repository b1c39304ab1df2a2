"""What an answer costs grows as it does: work is counted, as the time it takes is another one's on a busy machine."""

import sys

import pytest
from kaito_rich.starts import LONGEST_LINE
from rich.cells import split_graphemes

#: Each of them repeated is one word, or a line in which every character may mean something.
UNITS = ("a", "*", "**a", "`", "` a", "[", "[a](", "|", "_", "_a", "<", "<a:", "#", "-", "- ", "~", "\\", "&", " ",
         "日", "、", "e\u0301", "\u0301", "👨\u200d👩\u200d👧\u200d", "☁\ufe0f", "\u200d")  # fmt: skip
#: What stands before it: nothing, and what makes it an item in a quote, a heading, bold, code.
PLACES = ("", "> - ", "# ", "**", "```python\n")
#: Characters in one piece: a token at a time, and everything at once.
SIZES = [pytest.param(1, id="tokens"), pytest.param(sys.maxsize, id="whole")]


@pytest.fixture
def split(monkeypatch):
    """Return a list that gets the lengths of all texts that are divided into letters."""
    lengths = []

    def counting(text):
        lengths.append(len(text))
        return split_graphemes(text)

    monkeypatch.setattr("kaito_rich.word.split_graphemes", counting)
    return lengths


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [1, 80])
def test_a_letter_is_looked_for_where_a_row_ends_and_nowhere_else(draw, split, unit, size, width):
    length = LONGEST_LINE + 1000
    for place in PLACES:
        split.clear()
        text = place + unit * (length // len(unit))
        draw([text[start : start + size] for start in range(0, len(text), min(size, len(text)))], width, colour=True)
        assert sum(split) <= 3 * len(text), place


def calls(action):
    """Return how many functions an action calls."""
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
def test_twice_as_much_takes_twice_as_many_steps(draw, unit, size):
    def steps(length):
        text = unit * (length // len(unit))
        pieces = [text[start : start + size] for start in range(0, len(text), min(size, len(text)))]
        return calls(lambda: draw(pieces, colour=True))

    steps(10)  # what is loaded once
    # What is held at most makes some difference: the second half of that comes later.
    once, twice, thrice = (steps(number * 2 * LONGEST_LINE) for number in (1, 2, 3))
    assert thrice - twice <= 1.2 * (twice - once) + 100
