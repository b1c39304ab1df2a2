"""A search finds words, and nothing that is typed is a syntax."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.history import queries
from kaito.history.database import open_database
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
    library.find(words)
    assert len(library.find()) == 3


@given(words=st.text(max_size=30))
def test_any_text_can_be_searched_for(tmp_path_factory, words):
    folder = tmp_path_factory.getbasetemp() / "searched"
    if not folder.exists():
        kept(folder, "a b c")
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        queries.find_conversations(database, words)
        database.indexed = False
        queries.find_conversations(database, words)


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

    def disable(database_module="kaito.history.database"):
        monkeypatch.setattr(f"{database_module}._has_index", lambda connection: False)
        monkeypatch.setattr(f"{database_module}.prepare_index", lambda connection: False)

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


def test_words():
    assert [word.query for word in search_words('deploy "x  ) %')] == ['"deploy"*', '"x"*', "", ""]
    assert search_words(" \n ") == []
    assert len(search_words(" ".join(map(str, range(100))))) == 32
