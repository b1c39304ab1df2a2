"""A search finds words, and nothing that is typed is a syntax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.history import queries
from kaito.history.excerpts import find_excerpts
from kaito.history.opening import open_database
from kaito.history.search_words import search_words
from tests.history.talks import Talk, execute, kept, rows


@pytest.fixture
def talks(folder):
    kept(folder, "How do I restart a Deployment?", "And C++ or a_b, 100%?")
    kept(folder, "naïve café", "well-known")
    kept(folder, "東京の天気は", "Привет, мир")
    return folder


FOUND = [
    ("deployment", ["How do I restart a Deployment?"]),
    ("DEPLOY", ["How do I restart a Deployment?"]),
    ("deploy c++", ["How do I restart a Deployment?"]),
    ("deploy naive", []),
    ("c++", ["How do I restart a Deployment?"]),
    ("c--", []),
    ("a_b", ["How do I restart a Deployment?"]),
    ("a_c", []),
    ("100%", ["How do I restart a Deployment?"]),
    ("%", ["How do I restart a Deployment?"]),
    ("cafe", ["naïve café"]),
    ("well-known", ["naïve café"]),
    ("known-well", []),
    ("天気", ["東京の天気は"]),
    ("мир", ["東京の天気は"]),
    ("nd", []),
]


@pytest.mark.parametrize(("words", "titles"), FOUND)
def test_words_are_found(talks, library, words, titles):
    assert [info.title for info in library.find(words)] == titles


@pytest.mark.parametrize(
    "words",
    ['"', '""', "'", "(", ")", "*", "^x", "NOT", "OR", "AND deploy", "a NEAR(b c)", "text:x", "{a b}:c", "-x", "+", "\\",
     "'; DROP TABLE turn; --", "\0", "a\0b", "\ud800", "x" * 10_000, "a " * 500],
)  # fmt: skip
def test_nothing_is_a_syntax(talks, library, words):
    library.excerpts(words, [info.id for info in library.find(words)])
    assert len(library.find()) == 3


@given(words=st.text(max_size=30))
def test_any_text_can_be_searched_for(tmp_path_factory, words):
    folder = tmp_path_factory.getbasetemp() / "searched"
    if not folder.exists():
        kept(folder, "a b c")
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        for _ in range(2):
            found = queries.find_conversations(database, words)
            find_excerpts(database, words, [record.id for record in found])
            database.indexed = False


def test_titles_are_searched(folder, library):
    talk = Talk(folder).say("x")
    talk.recorder.rename("Holiday plans")
    talk.keep()
    talk.close()
    assert [info.id for info in library.find("holiday x")] == [talk.id]


def test_what_was_removed_is_not_found(folder, library):
    talk = Talk(folder).say("apple", "pear")
    talk.conversation.drop_last()
    talk.keep()
    talk.close()
    assert library.find("pear") == []
    assert len(library.find("apple")) == 1
    execute(folder, "INSERT INTO search (search) VALUES ('integrity-check')")


def test_newest_first_and_limited(folder, library):
    for number in range(5):
        kept(folder, f"talk {number}")
    assert [info.title for info in library.find("talk", 2)] == ["talk 4", "talk 3"]


@pytest.fixture
def without_fts5(monkeypatch):
    """Behave as an SQLite without the module."""

    def disable(opening_module="kaito.history.opening"):
        monkeypatch.setattr(f"{opening_module}._has_index", lambda connection: False)
        monkeypatch.setattr(f"{opening_module}.prepare_index", lambda connection: False)

    return disable


def test_an_sqlite_without_fts5_finds_words_too(talks, library, without_fts5, monkeypatch):
    without_fts5()
    unindexed = kept(talks, "restart everything")
    assert [info.id for info in library.find("restart every")] == [unindexed]
    assert len(library.find("restart")) == 2
    library.delete([library.find("café")[0].id])
    assert rows(talks, "SELECT stale FROM search_state") == [(1,)]
    monkeypatch.undo()
    # The next one that has it builds the index again.
    assert [info.id for info in library.find("restart every")] == [unindexed]
    assert rows(talks, "SELECT stale FROM search_state") == [(0,)]
    execute(talks, "INSERT INTO search (search) VALUES ('integrity-check')")


def excerpt(library, words):
    [info] = library.find(words)
    return library.excerpts(words, [info.id]).get(info.id)


LONG = " ".join(f"word{number}" for number in range(200))


@pytest.mark.parametrize("indexed", [True, False])
def test_an_excerpt_shows_where_the_words_stand(talks, library, without_fts5, indexed):
    kept(talks, "first", f"{LONG}\n\x1b[2Jthe needle\n{LONG}")
    if not indexed:
        without_fts5()
    shown = excerpt(library, "NEEDLE")
    assert "the needle word0" in shown
    assert (shown[0], shown[-1], "\x1b" in shown, "\n" in shown) == ("…", "…", False, False)
    assert len(shown) < 250
    assert excerpt(library, "c++").startswith("And C++ or a_b, 100%?")
    assert excerpt(library, "天気").startswith("東京の天気は")
    # No turn has both, and one is enough.
    assert "needle" in excerpt(library, "first needle") or excerpt(library, "first needle").startswith("first")


def test_an_excerpt_is_found_as_the_words_are(talks, library):
    assert excerpt(library, "cafe").startswith("naïve café")
    assert excerpt(library, "well-known").startswith("well-known")


def test_a_turn_with_all_words_is_preferred(folder, library):
    kept(folder, "apple", "pear", "apple with pear")
    assert excerpt(library, "pear apple").startswith("apple with pear")


@pytest.mark.parametrize("indexed", [True, False])
def test_an_excerpt_is_short_whatever_the_text_is(folder, library, without_fts5, indexed):
    kept(folder, "x" * 100_000 + " needle " + "y" * 100_000)
    if not indexed:
        without_fts5()
    assert " needle " in excerpt(library, "needle")
    assert len(excerpt(library, "needle")) <= 122


def test_a_title_alone_has_no_excerpt(folder, library):
    talk = Talk(folder).say("x")
    talk.recorder.rename("Holiday plans")
    talk.keep()
    talk.close()
    assert excerpt(library, "holiday") is None


def test_words():
    assert [word.query for word in search_words('deploy "x  ) %')] == ['"deploy"*', '"x"*', "", ""]
    assert search_words(" \n ") == []
    assert len(search_words(" ".join(map(str, range(100))))) == 32
