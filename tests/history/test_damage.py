"""A history that cannot be used: one clear message, the rest goes on, and nothing is destroyed."""

import errno
import os
import shutil
import sqlite3
import sys
import threading
from contextlib import closing, suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.errors import KaitoError, NotFoundError
from kaito.history import database as databases
from kaito.history import opening
from kaito.history.library import Library
from kaito.history.opening import open_database
from kaito.types import Message, Reply
from tests.history.talks import ORIGIN, Talk, execute, kept, questions, rows

posix = pytest.mark.skipif(sys.platform == "win32", reason="no modes and links")


def refusal(folder):
    """Return the message of an attempt to keep a turn; the second attempt must not repeat it."""
    return refused(folder).message


def refused(folder):
    """Return the error of such an attempt."""
    talk = Talk(folder).say("a")
    talk.say("b")
    [report] = talk.close()
    assert isinstance(report, KaitoError)
    return report


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough for a header" * 30, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_damaged_file_is_named_and_left_alone(folder, library, content):
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "history.db"
    file.write_bytes(content)
    assert refusal(folder) == f"The history of conversations is damaged: {file}"
    with pytest.raises(KaitoError, match="is damaged") as caught:
        library.find()
    assert caught.value.hints == (f"To begin a new one: mv {file} {file}.damaged",)
    assert file.read_bytes() == content


def test_a_damaged_page_does_not_take_the_rest_with_it(folder, library):
    kept(folder, *("x" * 3000 for _ in range(20)))
    file = folder / "history.db"
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(4096 * 3)
        stream.write(b"\xff" * (size - 4096 * 3))
    before = file.read_bytes()
    with pytest.raises(KaitoError, match="is damaged"):
        library.find("x")
    assert "is damaged" in refusal(folder)
    assert file.read_bytes() == before


def test_a_file_of_a_later_version_is_left_alone(folder, library):
    kept(folder, "a")
    execute(folder, "PRAGMA user_version = 99")
    assert (
        refusal(folder) == f"The history of conversations was written by a later version of kaito: {folder}/history.db"
    )
    with pytest.raises(KaitoError, match="later version"):
        library.find()
    assert rows(folder, "SELECT count(*) FROM conversation") == [(1,)]


def test_another_program_s_database_is_left_alone(folder):
    folder.mkdir(parents=True, mode=0o700)
    execute(folder, "CREATE TABLE theirs (x)")
    (folder / "history.db").chmod(0o600)
    assert refusal(folder) == f"This is not a history of conversations: {folder}/history.db"


def test_a_file_that_another_process_creates_meanwhile_is_a_history(folder, library, monkeypatch):
    folder.mkdir(parents=True, mode=0o700)
    (folder / "history.db").touch(0o600)
    read, others = opening._number, []

    def number(connection, pragma):
        value = read(connection, pragma)
        if pragma == "application_id" and not others:
            others.append(threading.Thread(target=kept, args=(folder, "theirs")))
            others[0].start()
            # It may have to wait for us.
            others[0].join(1)
        return value

    monkeypatch.setattr(opening, "_number", number)
    kept(folder, "ours")
    others[0].join()
    assert sorted(info.title for info in library.find()) == ["ours", "theirs"]


def test_an_empty_file_becomes_a_history(folder, library):
    folder.mkdir(parents=True, mode=0o700)
    (folder / "history.db").touch(0o600)
    kept(folder, "a")
    assert len(library.find()) == 1


@posix
@pytest.mark.parametrize("target", ["elsewhere.db", "/dev/null"])
def test_a_symbolic_link_is_not_followed(folder, target):
    folder.mkdir(parents=True, mode=0o700)
    (folder / "history.db").symlink_to(target)
    assert "is a symbolic link" in refusal(folder)
    assert sorted(os.listdir(folder)) == ["history.db"]


@posix
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_not_a_file_is_refused(folder, make):
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "history.db"
    make(file, 0o700)
    error = refused(folder)
    assert error.message == f"Cannot keep conversations: {file} is not a regular file"
    assert error.hints == (f"To begin a new one: mv {file} {file}.old", "KAITO_HISTORY=off keeps nothing")


@posix
@pytest.mark.parametrize("part", [".", "history.db"])
def test_what_others_can_write_is_refused(folder, library, part):
    kept(folder, "a")
    (folder / part).chmod(0o777)
    error = refused(folder)
    assert "can be written by other users; 'chmod go-w' changes that" in error.message
    assert error.hints == ("KAITO_HISTORY=off keeps nothing",)
    with pytest.raises(KaitoError, match="can be written by other users"):
        library.find()


@posix
def test_a_file_that_others_could_read_becomes_private(folder):
    kept(folder, "a")
    (folder / "history.db").chmod(0o644)
    kept(folder, "b")
    assert (folder / "history.db").stat().st_mode & 0o777 == 0o600


@posix
def test_a_file_that_was_read_only_for_a_while_can_be_written_again(folder, library):
    kept(folder, "a")
    with closing(sqlite3.connect(folder / "history.db")) as reader:
        reader.execute("SELECT * FROM turn").fetchall()
        for end in ("-wal", "-shm"):
            # As SQLite makes them for a file that cannot be written.
            (folder / f"history.db{end}").chmod(0o400)
        kept(folder, "b")
        assert (folder / "history.db-shm").stat().st_mode & 0o777 == 0o600
    assert len(library.find()) == 2


@posix
def test_the_state_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    kept(tmp_path / "state", "a")
    assert (tmp_path / "real" / "history.db").is_file()


def test_a_folder_that_cannot_be_created_is_reported(tmp_path, library):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "kaito"
    assert refusal(folder) == f"Cannot keep conversations in {folder}/history.db: Not a directory"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_READONLY_DBMOVED", "the folder or the file cannot be written"),
        ("SQLITE_CANTOPEN", "the folder or the file cannot be written"),
        ("SQLITE_BUSY", "another process has locked it for more than 5 s"),
        ("SQLITE_IOERR", "disk I/O error"),
    ],
)
def test_sqlite_s_errors_are_explained(tmp_path, name, reason):
    exc = sqlite3.OperationalError("disk I/O error")
    exc.sqlite_errorname = name
    with (
        pytest.raises(KaitoError, match=f"^Cannot keep conversations in .*: {reason}$"),
        databases.translated(tmp_path),
    ):
        raise exc
    with pytest.raises(KaitoError, match="No space left"), databases.translated(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unwritable(monkeypatch, name, readable=("mode=ro", "mode=ro&immutable=1")):
    """Let SQLite open files in these modes only, as on a full disk or where nothing can be written."""
    connect = opening._connect

    def connect_to_read(file, mode="mode=rw"):
        if mode in readable:
            return connect(file, mode)
        exc = sqlite3.OperationalError("disk I/O error")
        exc.sqlite_errorname = name
        raise exc

    monkeypatch.setattr(opening, "_connect", connect_to_read)


@pytest.mark.parametrize("readable", [("mode=ro", "mode=ro&immutable=1"), ("mode=ro&immutable=1",)])
@pytest.mark.parametrize(
    "name", ["SQLITE_FULL", "SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN", "SQLITE_IOERR_SHMSIZE"]
)
def test_what_cannot_be_written_is_read(folder, library, monkeypatch, name, readable):
    id = kept(folder, "apple pie", "pear")
    unwritable(monkeypatch, name, readable)
    assert [info.id for info in library.find("PEAR")] == [id]
    assert library.excerpts("pear", [id])[id].startswith("pear answer")
    assert questions(library.load(id[:4])) == questions(library.newest(ORIGIN)) == ["apple pie", "pear"]
    assert [info.id for info in library.elsewhere(ORIGIN)] == [id]
    with pytest.raises(KaitoError, match=r"^Cannot delete conversations in ") as caught:
        library.delete([id])
    assert caught.value.hints == ((f"Free some space for {folder}",) if name == "SQLITE_FULL" else ())
    assert refusal(folder).startswith("Cannot keep conversations in ")


@posix
def test_a_file_of_a_file_system_that_is_read_only_is_read(folder, library, monkeypatch):
    id = kept(folder, "a")
    (folder / "history.db").chmod(0o644)
    unwritable(monkeypatch, "SQLITE_READONLY")

    def chmod(path, mode):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.chmod", chmod)
    assert [info.id for info in library.find()] == [id]


def test_an_old_state_is_not_shown_for_the_present_one(folder, library, monkeypatch):
    kept(folder, "a")
    # What a process that was killed has left, of which the shared memory is lost.
    (folder / "history.db-wal").write_bytes(b"x" * 100)
    unwritable(monkeypatch, "SQLITE_CANTOPEN", ("mode=ro&immutable=1",))
    with pytest.raises(
        KaitoError, match=r"^Cannot read conversations in .*: the folder or the file cannot be written$"
    ):
        library.find()


def test_a_file_of_another_program_that_cannot_be_written_is_refused(folder, library, monkeypatch):
    folder.mkdir(parents=True, mode=0o700)
    execute(folder, "CREATE TABLE theirs (x)")
    (folder / "history.db").chmod(0o600)
    unwritable(monkeypatch, "SQLITE_CANTOPEN")
    with pytest.raises(KaitoError, match="not a history of conversations") as caught:
        library.find()
    assert caught.value.hints == (f"To begin a new one: mv {folder}/history.db {folder}/history.db.old",)


def test_a_disk_that_was_full_from_the_start_has_no_conversation(folder, library, monkeypatch):
    folder.mkdir(parents=True, mode=0o700)
    (folder / "history.db").touch(0o600)
    unwritable(monkeypatch, "SQLITE_FULL")
    assert library.find() == []
    with pytest.raises(NotFoundError):
        library.load("abc")


def test_a_full_disk_is_named_where_sqlite_says_i_o_error(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    exc = sqlite3.OperationalError("disk I/O error")
    exc.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    with pytest.raises(KaitoError, match=r"the disk is full$") as caught, databases.translated(tmp_path, "delete"):
        raise exc
    assert caught.value.hints == (f"Free some space for {tmp_path.parent}",)


def test_a_full_disk_loses_nothing_once_there_is_room(folder, library, monkeypatch):
    connect = opening._connect

    def connect_with_a_limit(file, mode="mode=rw"):
        connection = connect(file, mode)
        connection.execute("PRAGMA max_page_count = 30")
        return connection

    monkeypatch.setattr(opening, "_connect", connect_with_a_limit)
    talk = Talk(folder).say("a", "b" * 500_000)
    [report] = talk.recorder.take_reports()
    assert isinstance(report, KaitoError)
    assert report.message.endswith("the disk is full")
    monkeypatch.undo()
    # What could not be written is written with the next turn.
    talk.say("c")
    assert talk.close() == []
    assert [len(text) for text in questions(library.load(talk.id))] == [1, 500_000, 1]


@posix
@pytest.mark.parametrize("is_removed", [False, True], ids=["moved", "removed"])
def test_a_history_that_was_moved_away_or_removed_is_begun_again(folder, library, is_removed):
    talk = Talk(folder).say("a")
    first = talk.id
    for path in list(folder.iterdir()):
        path.rename(folder / f"{path.name}.old")
    if is_removed:
        shutil.rmtree(folder)
    talk.say("b")
    kept(folder, "c")
    talk.say("d")
    assert talk.close() == [f"{first} was deleted meanwhile; what follows is a new conversation, {talk.id}"]
    assert sorted(info.title for info in library.find()) == ["b", "c"]
    assert questions(library.load(talk.id)) == ["b", "d"]


@posix
def test_a_file_that_was_moved_away_without_its_log_has_all_of_its_turns(folder, library):
    talk = Talk(folder).say("a", "b")
    first, file = talk.id, folder / "history.db"
    file.rename(folder / "history.db.old")
    talk.say("c")
    talk.close()
    assert [info.title for info in library.find()] == ["c"]
    (folder / "history.db.old").replace(file)
    assert questions(library.load(first)) == ["a", "b"]


def test_a_lock_is_waited_for_and_then_reported(folder, monkeypatch):
    kept(folder, "a")
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.05)
    other = sqlite3.connect(folder / "history.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    talk = Talk(folder).say("b")
    [report] = talk.recorder.take_reports()
    assert isinstance(report, KaitoError)
    assert "another process has locked it" in report.message
    other.execute("COMMIT")
    other.close()
    talk.say("c")
    assert talk.close() == []


def test_what_could_not_be_written_is_written_later(folder, library, monkeypatch):
    kept(folder, "a")
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.01)
    other = sqlite3.connect(folder / "history.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    talk = Talk(folder)
    for text in ("b", "c", "d"):
        talk.conversation.clear()
        talk.say(text)
    assert len(talk.recorder.take_reports()) == 1
    assert [info.title for info in library.find()] == ["a"]
    other.execute("COMMIT")
    other.close()
    # With the next one, or at the end.
    assert talk.close() == []
    assert sorted(info.title for info in library.find()) == ["a", "b", "c", "d"]


def test_one_conversation_that_cannot_be_kept_does_not_take_others_with_it(folder, library, monkeypatch):
    monkeypatch.setattr("kaito.util.limits.CONVERSATION", 500)
    talk = Talk(folder)
    for text in ("a", "b" * 600, "c"):
        talk.conversation.clear()
        talk.conversation.record(Message("user", text), Reply(content="x", finish_reason="stop"))
        talk.recorder.save(talk.conversation, talk.origin)
    [report] = talk.close()
    assert isinstance(report, KaitoError)
    assert report.message == "The last turn is too long to be kept"
    assert sorted(info.title for info in library.find()) == ["a", "c"]


def test_rows_that_someone_has_edited_are_left_out(folder, library):
    good, bad = kept(folder, "good", "two"), kept(folder, "bad")
    execute(folder, f"UPDATE conversation SET turns = 'many' WHERE id = '{bad}'")
    assert [info.id for info in library.find()] == [good]
    execute(folder, "UPDATE turn SET messages = '[{\"role\": 5}]' WHERE number = 0")
    assert questions(library.load(good)) == ["two"]
    execute(folder, "UPDATE turn SET messages = x'ff'")
    with pytest.raises(KaitoError, match=f"No turn of conversation {good} can be read"):
        library.load(good)
    execute(folder, "UPDATE conversation SET created = 'x'")
    with pytest.raises(KaitoError, match="is damaged"):
        library.find()


@given(
    column=st.sampled_from(
        ["id", "title", "updated", "source", "turns", "kind", "server", "cut", "revision", "system"]
    ),
    value=st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    messages=st.binary(max_size=60) | st.text(max_size=60) | st.integers(),
)
def test_any_value_in_the_file_is_read_or_refused_by_name(tmp_path_factory, column, value, messages):
    folder = tmp_path_factory.getbasetemp() / "edited"
    if not folder.exists():
        kept(folder, "a", "b")
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        connection = database.connection
        connection.execute("DELETE FROM turn")
        connection.execute("DELETE FROM conversation")
    kept(folder, "a", "b")
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        connection = database.connection
        try:
            connection.execute(f"UPDATE conversation SET {column} = ?", (value,))
            connection.execute("UPDATE turn SET messages = ?", (messages,))
        except (sqlite3.Error, UnicodeEncodeError, OverflowError):
            return
    library = Library(folder)
    # Anything else than an error of ours fails the test.
    with suppress(KaitoError):
        for info in library.find():
            library.load(info.id)
