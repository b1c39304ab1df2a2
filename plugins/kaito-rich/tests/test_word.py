"""The width of a word that arrives in pieces is that of the whole word."""

from hypothesis import example, given
from hypothesis import strategies as st
from kaito_rich.word import Word
from rich.cells import split_graphemes

letters = st.sampled_from(
    ["a", "é", "e\u0301", "\u0301", "日", "☁", "\ufe0f", "\u200d", "👩", "👩\u200d💻", "🇩🇪", "\u200b", "\xad", "ab"]
)
pieces = st.lists(st.lists(letters | st.text(max_size=2), min_size=1, max_size=6).map("".join).filter(bool), max_size=8)


@given(pieces)
@example(["\u200d", "a"])
@example(["\u0301\u200d", "日", "\ufe0f"])
@example(["☁", "\u0301", "\ufe0f", "\ufe0f"])
def test_the_pieces_do_not_change_the_width(texts):
    word = Word()
    for text in texts:
        word.add(text, None)
    spans, cells = split_graphemes("".join(texts))
    assert word.cells == cells
    assert word.settled == sum(width for _, _, width in spans[:-1])
    assert word.end == "".join(texts)[-1:]


@given(pieces.filter(any), st.data())
def test_the_width_after_removing_characters(texts, data):
    word = Word()
    for text in texts:
        word.add(text, None)
    spans = word.graphemes()
    count = data.draw(st.integers(0, len(spans) - 1))
    taken = word.take(spans[count][0], sum(width for _, _, width in spans[:count]))
    rest = "".join(texts)[spans[count][0] :]
    assert "".join(text for text, _ in taken) + rest == "".join(texts)
    assert word.pieces() == [(rest, None)]
    assert (word.cells, word.graphemes()) == (split_graphemes(rest)[1], split_graphemes(rest)[0])
