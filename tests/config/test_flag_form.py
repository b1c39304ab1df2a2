"""Values of environment variables, as flags take them."""

import pytest

from kaito.config.flag_form import FlagForm, from_variable
from kaito.history.state_folder import state_folder
from kaito.options.parsers import switch

SWITCH = FlagForm(key="stats", flag="--stats", kind="switch")
OPTIONAL = FlagForm(key="wait", flag="--wait", kind="optional")


@pytest.mark.parametrize(
    ("word", "on"),
    [(word, True) for word in ("on", "TRUE", "yes", " 1 ")] + [(word, False) for word in ("Off", "false", "NO", "0")],
)
def test_each_switch_knows_the_same_words(word, on):
    assert from_variable(SWITCH, word) is on
    assert switch("stats")(word) is on
    assert (state_folder({"KAITO_HISTORY": word}, pytest.fail) is not None) is on


def test_a_number_is_the_value_of_a_flag_that_may_have_one():
    assert from_variable(OPTIONAL, "1") == ("1",)
    assert from_variable(OPTIONAL, "yes") == (None,)
    assert from_variable(OPTIONAL, "off") == ()
    assert from_variable(OPTIONAL, "10m") == ("10m",)


@pytest.mark.parametrize("word", ["", "maybe", "2", "onn"])
def test_another_word_is_refused(word):
    with pytest.raises(ValueError, match="is not on or off"):
        from_variable(SWITCH, word)
