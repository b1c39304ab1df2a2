"""Characters whose parts come in two pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.broken_characters import CharacterJoiner


def join(*pieces):
    joiner = CharacterJoiner()
    return "".join([*map(joiner.feed, pieces), joiner.finish()])


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["\ud83e", "\udd16"], "🤖"),
        (["a\ud83e", "", "\udd16b"], "a🤖b"),
        (["\ud83e\udd16"], "🤖"),
        (["\ud83e", "x"], "\ufffdx"),
        (["\udd16"], "\ufffd"),
        (["\ud83e"], "\ufffd"),  # noqa: PT014
        (["\ud83e\ud83e", "\udd16"], "\ufffd🤖"),
        (["\udcf0\udc9f", "\udc98\udc80"], "😀"),
        (["\udcf0\udc9f", "x"], "\ufffdx"),
        (["\udcff"], "\ufffd"),  # noqa: PT014
    ],
)
def test_parts_are_joined(pieces, text):
    assert join(*pieces) == text


@given(st.lists(st.text(st.characters(), max_size=5) | st.text("\ud83e\udd16\udcf0\udc9f\udc98\udc80a", max_size=5)))
def test_the_pieces_do_not_matter_and_the_text_is_valid(pieces):
    joined = join(*pieces)
    assert joined == join(*"".join(pieces))
    joined.encode()
