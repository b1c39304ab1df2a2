"""Conversations that earlier versions kept, one file for each terminal, are taken over once."""

import json
import os
import sys

import pytest

from kaito.errors import KaitoError
from kaito.history.opening import open_database
from kaito.history.store import Additions
from tests.history.talks import ORIGIN, kept, questions, rows

TURN = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello 🤖"}]
EARLIER = {"messages": [{"role": "system", "content": "Be brief"}, *TURN], "workspace": "my-llama", "model": "m"}


@pytest.fixture
def earlier(folder):
    """Return a function that writes a file of an earlier version."""

    def write(name, content, mtime=1e9):
        file = folder / "conversations" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        os.utime(file, (mtime, mtime))
        return file

    return write


def test_they_are_in_the_history_and_their_files_are_gone(folder, library, earlier):
    earlier("pts-1.json", {**EARLIER, "broke_off": True})
    earlier("pts-2.json", TURN, 1e9 + 10)
    new, old = library.find()
    assert (new.title, new.updated, new.origin.label) == ("Hi", 1e9 + 10, "")
    assert (old.origin.label, old.origin.model, old.turns, old.origin.server) == ("my-llama", "m", 1, "")
    saved = library.load(old.id)
    assert [message.content for message in saved.messages] == ["Be brief", "Hi", "Hello 🤖"]
    assert saved.cut
    assert library.find("hello")
    assert not (folder / "conversations").exists()


def test_they_are_on_the_disk_before_their_files_go(folder, library, earlier, monkeypatch):
    earlier("pts-1.json", EARLIER)
    levels = []

    class Noted(Additions):
        def write(self):
            super().write()
            levels.append(self._database.connection.execute("PRAGMA synchronous").fetchone())

    monkeypatch.setattr("kaito.history.takeover.Additions", Noted)
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        # FULL: the commit waits for the disk. Later turns do not need to.
        assert levels == [(2,)]
        assert database.connection.execute("PRAGMA synchronous").fetchone() == (1,)


def test_they_are_not_continued_as_their_server_is_not_known(folder, library, earlier):
    earlier("pts-1.json", EARLIER)
    assert library.newest(ORIGIN) is None
    assert [info.title for info in library.elsewhere(ORIGIN)] == ["Hi"]


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", "[" * 100_000, '{"messages":[{"role":5,"content":""}]}', '{"messages":[{"role":"user","content":"\\ud83d"}]}'],
    ids=range(5),
)  # fmt: skip
def test_a_damaged_one_is_kept_aside(folder, library, earlier, content):
    file = earlier("pts-1.json", content)
    earlier("pts-2.json", TURN)
    for _ in range(2):
        assert [info.title for info in library.find()] == ["Hi"]
        assert os.listdir(folder / "conversations") == ["pts-1.json.damaged"]
    assert file.with_name("pts-1.json.damaged").read_text() == content


@pytest.mark.parametrize("content", ["[]", "{}", '[{"role":"system","content":"x"}]'])
def test_one_without_turns_is_only_removed(folder, library, earlier, content):
    earlier("pts-1.json", content)
    assert library.find() == []
    assert not (folder / "conversations").exists()


def test_they_are_removed_only_after_they_were_written(folder, earlier, monkeypatch):
    file = earlier("pts-1.json", EARLIER)

    def fail(*arguments):
        raise KaitoError("The disk is full")

    monkeypatch.setattr("kaito.history.takeover.Additions.write", fail)
    with pytest.raises(KaitoError, match="The disk is full"):
        open_database(folder, create=True)
    assert file.exists()
    assert rows(folder, "SELECT count(*) FROM conversation") == [(0,)]


def test_a_kill_before_the_removal_adds_nothing_twice(folder, library, earlier):
    for _ in range(2):
        earlier("pts-1.json", EARLIER)
        assert len(library.find()) == 1


def test_new_ones_come_beside_them(folder, library, earlier):
    earlier("pts-1.json", EARLIER)
    kept(folder, "new")
    assert {info.title for info in library.find()} == {"new", "Hi"}
    assert questions(library.load(library.find("hi")[0].id)) == ["Hi"]


@pytest.mark.skipif(sys.platform == "win32", reason="no links and pipes")
def test_links_and_pipes_are_left_alone(folder, library, earlier, tmp_path):
    target = tmp_path / "theirs.json"
    target.write_text(json.dumps(TURN))
    earlier("pts-1.json", TURN)
    (folder / "conversations" / "a.json").symlink_to(target)
    os.mkfifo(folder / "conversations" / "b.json")
    assert len(library.find()) == 1
    assert target.exists()
    assert sorted(os.listdir(folder / "conversations")) == ["a.json", "b.json.damaged"]
