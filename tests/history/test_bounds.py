"""How much of the past is kept, and what goes first."""

import pytest

from kaito.errors import UsageError
from kaito.history.opening import open_database
from kaito.history.pruning import prune
from kaito.history.state_folder import Bounds, history_bounds, input_history_file, parse_age, parse_size, state_folder
from tests.history.talks import Clock, Talk, kept

_MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", _MIB), ("256MiB", 256 * _MIB), ("1G", 1024 * _MIB), ("2048 KiB", 2 * _MIB), ("5mb", 5 * _MIB)],
)
def test_sizes(text, size):
    assert parse_size("x", text) == size


@pytest.mark.parametrize("text", ["0", "-1", "1K", "65G", "nan", "inf", "1.5G", "G", "", "٣", "9" * 40])
def test_what_is_not_a_size(text):
    with pytest.raises(UsageError, match=f"^KAITO_HISTORY_SIZE: '{text}' is not a size from 1 MiB to 64 GiB"):
        parse_size("KAITO_HISTORY_SIZE", text)


@pytest.mark.parametrize(
    ("text", "age"), [("1", 86400), ("36h", 36 * 3600), ("12w", 84 * 86400), ("1y", 365 * 86400), ("Never", None)]
)
def test_ages(text, age):
    assert parse_age("x", text) == age


@pytest.mark.parametrize("text", ["0", "-1", "1m", "nan", "inf", "off", "d", "1 d d"])
def test_what_is_not_an_age(text):
    with pytest.raises(UsageError, match=f"^KAITO_HISTORY_AGE: '{text}' is not an age"):
        parse_age("KAITO_HISTORY_AGE", text)


def test_variables_set_the_bounds():
    assert history_bounds({}) == Bounds()
    assert history_bounds({"KAITO_HISTORY_SIZE": " ", "KAITO_HISTORY_AGE": ""}) == Bounds()
    environ = {"KAITO_HISTORY_SIZE": "2M", "KAITO_HISTORY_AGE": "3d"}
    assert history_bounds(environ) == Bounds(2 * _MIB, 3 * 86400)


def test_what_is_too_old_goes(folder, library):
    for age in (30, 20, 10):
        kept(folder, f"{age} days old", clock=Clock(1e9 - age * 86400))
    kept(folder, "new", clock=Clock(1e9), bounds=Bounds(age=15 * 86400))
    assert [info.title for info in library.find()] == ["new", "10 days old"]


def test_the_present_conversation_stays_however_old_it_is(folder, library):
    first = kept(folder, "a", clock=Clock(1e9))
    talk = Talk(folder, clock=Clock(1e9), bounds=Bounds(age=1.0), resumed=library.load(first))
    talk.recorder._clock = Clock(1e9)
    talk.recorder._writer._clock = Clock(2e9)
    talk.say("b")
    talk.close()
    assert [info.id for info in library.find()] == [first]


def test_the_oldest_go_first_and_those_of_each_before_all_others(folder, library):
    text = "".join(f"{number} " for number in range(20_000))
    for number in range(6):
        kept(folder, f"talk {number} {text}")
    for number in range(6):
        kept(folder, f"each {number} {text}", source="each")
    last = kept(folder, "last", bounds=Bounds(size=3 * _MIB, age=None))
    titles = [info.title[:6] for info in library.find()]
    assert titles[0] == "last"
    assert 2 <= len(titles) < 8
    assert not any(title.startswith("each") for title in titles)
    assert titles[1:] == [f"talk {number}" for number in range(5, 6 - len(titles), -1)]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3 * _MIB
    assert library.find("20 talk")
    # The present conversation alone may be larger.
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        prune(database, Bounds(size=1), 1e9, last)
    assert [info.id for info in library.find()] == [last]


@pytest.mark.parametrize(
    ("value", "saves", "warns"),
    [
        (None, True, False),
        ("", True, False),
        ("on", True, False),
        ("YES", True, False),
        ("off", False, False),
        ("OFF ", False, False),
        ("0", False, False),
        ("False", False, False),
        ("no", False, False),
        ("/my/history", True, True),
    ],
)
def test_kaito_history_turns_saving_on_or_off(tmp_path, value, saves, warns):
    environ = {"XDG_STATE_HOME": str(tmp_path), **({} if value is None else {"KAITO_HISTORY": value})}
    warnings = []
    folder = state_folder(environ, warnings.append)
    assert folder == (tmp_path / "kaito" if saves else None)
    assert warnings == (
        ["KAITO_HISTORY: '/my/history' is not on or off; input and conversations are saved"] if warns else []
    )
    assert input_history_file(folder) == (tmp_path / "kaito" / "history" if saves else None)


def test_nothing_is_saved_without_a_home_folder(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    folder = state_folder({"XDG_STATE_HOME": "relative"}, pytest.fail)
    assert folder is None
    assert input_history_file(folder) is None
