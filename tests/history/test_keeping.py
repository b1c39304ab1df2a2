"""Conversations are kept turn by turn, and read back as they were."""

import os
import stat
import sys

import pytest
from msgspec.structs import replace

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.history.changes import write_changes
from kaito.history.identifiers import new_id
from kaito.history.library import Library
from kaito.history.opening import open_database
from kaito.history.slots import Slot, Snapshot
from kaito.history.state_folder import Bounds
from kaito.history.store import erase_traces, remove_conversations
from kaito.types import Image, Message, Reply, ToolCall
from tests.history.talks import ORIGIN, Clock, Talk, execute, kept, questions, rows
from tests.images import png


def test_a_conversation_is_read_back_as_it_was(folder, library):
    talk = Talk(folder)
    image = Image.read(png(640, 480), "a.png")
    calls = (ToolCall("1", "f", "{}"),)
    talk.conversation.system_prompt = "Be brief"
    talk.conversation.record(Message("user", "Hi 🤖\0\nx", images=(image,)), Reply(content="", tool_calls=calls))
    talk.keep()
    assert talk.close() == []
    saved = library.load(talk.id)
    assert saved.messages == talk.conversation.messages
    assert (saved.cut, saved.revision) == (True, 1)
    assert saved.info is not None
    assert saved.info.origin == ORIGIN
    assert (saved.info.title, saved.info.turns, saved.info.source) == ("[image: a.png, 640x480]", 1, "terminal")


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
def test_the_files_are_private_whatever_the_umask_is(folder):
    before = os.umask(0)
    try:
        talk = Talk(folder).say("a")
        names = sorted(os.listdir(folder))
        modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in names}
    finally:
        os.umask(before)
        talk.close()
    assert names == ["history.db", "history.db-shm", "history.db-wal"]
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_each_turn_is_in_the_file_when_it_has_ended(folder):
    talk = Talk(folder)
    for count in (1, 2, 3):
        talk.say(f"turn {count}")
        assert rows(folder, "SELECT turns, revision FROM conversation") == [(count, count)]
        assert rows(folder, "SELECT count(*) FROM turn") == [(count,)]
    talk.close()


def test_only_what_has_changed_is_written(folder):
    talk = Talk(folder).say("a", "b")
    before = rows(folder, "SELECT id, messages FROM turn WHERE number = 0")
    execute(folder, "UPDATE turn SET text = 'a mark' WHERE number = 0")
    talk.say("c")
    talk.close()
    assert rows(folder, "SELECT id, messages FROM turn WHERE number = 0") == before
    assert rows(folder, "SELECT text FROM turn WHERE number = 0") == [("a mark",)]


def test_undo_retry_and_a_continuation_change_the_last_turn(folder, library):
    talk = Talk(folder).say("a", "b")
    talk.conversation.extend(Reply(content=" and more", finish_reason="stop"))
    talk.keep()
    assert library.load(talk.id).messages[-1].content == "answer to b and more"
    talk.conversation.record(Message("user", "b"), Reply(content="another", finish_reason="stop"), replacing=True)
    talk.keep()
    assert library.load(talk.id).messages[-1].content == "another"
    talk.conversation.drop_last()
    talk.keep()
    assert questions(library.load(talk.id)) == ["a"]
    talk.conversation.drop_last()
    talk.keep()
    assert library.find() == []
    talk.say("c")
    talk.close()
    assert [info.title for info in library.find()] == ["c"]


def test_undo_of_a_turn_that_waits_to_be_written(folder, library):
    talk = Talk(folder)
    # The writer gathers changes: nothing is in the file yet when the turn is removed.
    reply = Reply(content="x", finish_reason="stop")
    talk.conversation.record(Message("user", "undo me"), reply)
    talk.recorder.save(talk.conversation, talk.origin)
    talk.conversation.drop_last()
    talk.recorder.save(talk.conversation, talk.origin)
    assert talk.close() == []
    assert library.find() == []


def test_clear_begins_another_conversation_and_the_earlier_one_stays(folder, library):
    talk = Talk(folder).say("a")
    first = talk.id
    talk.conversation.clear()
    talk.keep()
    assert [info.id for info in library.find()] == [first]
    talk.say("b", "c")
    talk.close()
    assert [(info.title, info.turns) for info in library.find()] == [("b", 2), ("a", 1)]
    assert talk.id != first


def test_a_conversation_that_replaces_another_does_not_overwrite_it(folder, library):
    talk = Talk(folder).say("a", "b")
    talk.conversation.replace([Message("user", "x"), Message("assistant", "y")])
    talk.say("z")
    # The same turns with another system prompt are the same conversation.
    talk.conversation.replace([Message("system", "Be brief"), *talk.conversation.messages])
    talk.keep()
    talk.conversation.replace([])
    talk.keep()
    talk.close()
    assert [(info.title, info.turns) for info in library.find()] == [("x", 2), ("a", 2)]
    assert library.load(library.find()[0].id).system[0].content == "Be brief"


def test_turns_that_were_dropped_to_fit_the_window_stay(folder, library):
    talk = Talk(folder).say("a", "b", "c")
    talk.conversation.record(Message("user", "d"), Reply(content="D", finish_reason="stop"))
    talk.conversation.drop_oldest(3)
    talk.keep()
    talk.say("e")
    talk.conversation.drop_last()
    talk.keep()
    assert talk.close() == []
    assert questions(library.load(talk.id)) == ["a", "b", "c", "d"]
    assert library.find()[0].turns == 4
    assert library.find()[0].title == "a"


def test_a_conversation_is_continued_in_a_later_run(folder, library):
    first = kept(folder, "a", "b", clock=Clock())
    talk = Talk(folder, resumed=library.newest(ORIGIN), clock=Clock(1_000_000_100.0)).say("c")
    assert talk.close() == []
    assert talk.id == first
    saved = library.load(first)
    assert questions(saved) == ["a", "b", "c"]
    assert saved.revision == 3
    assert saved.info is not None
    assert (saved.info.created, saved.info.updated) == (1_000_000_001.0, 1_000_000_102.0)


@pytest.mark.parametrize("field", ["workspace", "kind", "namespace", "context", "server"])
def test_only_the_very_same_target_is_continued(folder, library, field):
    kept(folder, "a")
    other = replace(ORIGIN, **{field: "other"})
    assert library.newest(other) is None
    assert [info.title for info in library.elsewhere(other)] == ([] if field == "workspace" else ["a"])
    assert library.newest(replace(ORIGIN, model="another", backend="api-proxy", label="x")) is not None


def test_missing_names_of_a_target_are_names_too(folder, library):
    kept(folder, "a", origin=replace(ORIGIN, context=None))
    assert library.newest(ORIGIN) is None
    assert library.newest(replace(ORIGIN, context=None)) is not None


def test_servers_without_a_workspace_are_not_of_the_same_name(folder, library):
    one, two = (replace(ORIGIN, workspace=None, kind="", label=f"localhost:{port}", server=port) for port in "12")
    kept(folder, "a", origin=one)
    assert library.elsewhere(two) == []
    assert [info.title for info in library.elsewhere(replace(one, server="3"))] == ["a"]


def test_an_identifier_may_be_shortened_while_it_is_the_only_one(folder, library):
    ids = [kept(folder, f"talk {number}") for number in range(40)]
    for each in ids:
        assert library.info(each.upper()).id == each
        same = [other for other in ids if other.startswith(each[:1])]
        if len(same) == 1:
            assert library.info(each[:1]).id == each
        else:
            with pytest.raises(UsageError, match=f"Several conversations begin with '{each[:1]}'"):
                library.info(each[:1])


@pytest.mark.parametrize("typed", ["", " ", "%", "_", "zzzzzzzzzz", "a' OR 1=1 --", "é", "\0", "\ud800"])
def test_an_unknown_identifier_is_an_error(folder, library, typed):
    for _ in range(2):
        with pytest.raises(NotFoundError, match="There is no conversation '"):
            library.load(typed)
        kept(folder, "a")


def test_reading_creates_nothing(folder, library):
    assert library.find("x") == []
    assert library.newest(ORIGIN) is None
    assert library.elsewhere(ORIGIN) == []
    library.delete(["x"])
    assert not folder.parent.exists()


def test_titles(folder, library):
    talk = Talk(folder).say("\n  What is   it?\nx")
    assert library.find()[0].title == "What is it?"
    talk.recorder.rename("Another " * 40)
    talk.keep()
    assert library.find()[0].title == ("Another " * 40)[:79] + "…"
    talk.say("b")
    talk.close()
    assert library.find()[0].title.startswith("Another")
    kept(folder, "y" * 500)
    assert library.find()[0].title == "y" * 79 + "…"


def test_a_title_may_come_before_the_first_turn(folder, library):
    talk = Talk(folder)
    talk.recorder.rename("Plans")
    talk.keep()
    assert library.find() == []
    talk.say("a")
    talk.close()
    assert library.find()[0].title == "Plans"


def test_a_branch_is_a_copy_that_knows_its_origin(folder, library):
    talk = Talk(folder).say("a")
    first = talk.id
    talk.recorder.branch(None)
    talk.keep()
    talk.say("b")
    talk.close()
    branch, original = library.find()
    assert (original.id, original.title, original.turns) == (first, "a", 1)
    assert (branch.parent, branch.title, branch.turns) == (first, "a (branch)", 2)
    assert questions(library.load(branch.id)) == ["a", "b"]


def test_a_branch_has_the_turns_that_left_the_window(folder, library):
    talk = Talk(folder).say("a", "b", "c")
    talk.conversation.drop_oldest(2)
    talk.keep()
    assert talk.recorder.title == "a"
    talk.recorder.branch(None)
    talk.keep()
    talk.conversation.drop_oldest(1)
    talk.say("d")
    assert talk.close() == []
    branch = library.info(talk.id)
    assert (branch.title, branch.turns) == ("a (branch)", 4)
    assert questions(library.load(branch.id)) == ["a", "b", "c", "d"]
    assert [info.id for info in library.find("b")] == [branch.id, branch.parent]


def test_a_branch_of_a_conversation_that_was_deleted_elsewhere_has_the_turns_of_the_window(folder, library):
    talk = Talk(folder).say("a", "b")
    talk.conversation.drop_oldest(1)
    talk.keep()
    library.delete([talk.id])
    talk.recorder.branch(None)
    talk.say("c")
    assert talk.close() == []
    assert questions(library.load(talk.id)) == ["b", "c"]
    assert library.info(talk.id).turns == 2


def test_turns_that_are_dropped_before_they_are_written_are_kept(folder, library):
    talk = Talk(folder)
    # The thread gathers changes: a script may have many turns until it writes.
    for number in range(50):
        talk.conversation.drop_oldest(max(talk.conversation.turns - 2, 0))
        talk.conversation.record(Message("user", f"q{number}"), Reply(content="x", finish_reason="stop"))
        talk.recorder.save(talk.conversation, ORIGIN)
    assert talk.close() == []
    assert questions(library.load(talk.id)) == [f"q{number}" for number in range(50)]
    assert (library.info(talk.id).title, library.info(talk.id).turns) == ("q0", 50)


def test_turns_that_are_dropped_while_the_disk_is_full_are_kept(folder, library, monkeypatch):
    talk = Talk(folder).say("a")

    def fail(*_):
        raise KaitoError("The disk is full")

    with monkeypatch.context() as full:
        full.setattr("kaito.history.changes.write_changes", fail)
        talk.say("b", "c")
        talk.conversation.drop_oldest(2)
        talk.say("d")
    talk.conversation.drop_oldest(1)
    talk.say("e")
    assert [str(report) for report in talk.close()] == ["The disk is full"]
    assert questions(library.load(talk.id)) == ["a", "b", "c", "d", "e"]


def test_a_conversation_from_a_file_that_loses_turns_at_once_counts_those_that_are_kept(folder, library):
    saved = SavedConversation(messages=tuple(Message(role, text) for text in "abc" for role in ("user", "assistant")))
    talk = Talk(folder, resumed=saved)
    talk.conversation.drop_oldest(2)
    talk.say("d")
    talk.conversation.drop_oldest(1)
    talk.say("e")
    assert talk.close() == []
    assert questions(library.load(talk.id)) == ["c", "d", "e"]
    assert library.info(talk.id).turns == 3


def test_a_turn_that_is_too_long_is_reported_and_the_next_one_is_kept(folder, library, monkeypatch):
    monkeypatch.setattr("kaito.util.limits.CONVERSATION", 500)
    talk = Talk(folder).say("a", "b" * 600)
    [report] = talk.recorder.take_reports()
    assert isinstance(report, KaitoError)
    assert report.message == "The last turn is too long to be kept"
    talk.conversation.drop_last()
    talk.say("c")
    assert talk.close() == []
    assert questions(library.load(talk.id)) == ["a", "c"]


def test_a_turn_that_is_too_long_is_not_counted_when_it_leaves_the_window(folder, library, monkeypatch):
    monkeypatch.setattr("kaito.util.limits.CONVERSATION", 500)
    talk = Talk(folder).say("a", "b" * 600)
    assert len(talk.recorder.take_reports()) == 1
    talk.conversation.drop_oldest(2)
    talk.say("c")
    assert talk.close() == []
    assert questions(library.load(talk.id)) == ["a", "c"]
    assert library.info(talk.id).turns == 2


def test_a_conversation_from_a_file_is_kept_with_its_first_turn(folder, library):
    saved = SavedConversation(messages=(Message("user", "q"), Message("assistant", "a")))
    talk = Talk(folder, resumed=saved)
    assert library.find() == []
    talk.say("b")
    talk.close()
    assert questions(library.load(talk.id)) == ["q", "b"]


def test_deleted_text_is_gone_from_the_file(folder, library):
    secret = "Xylophonist"
    keep = kept(folder, "a", "harmless")
    doomed = kept(folder, secret, f"{secret} again")
    open_elsewhere = Talk(folder).say("b")
    assert any(secret.encode() in path.read_bytes() for path in folder.iterdir())
    library.delete([doomed])
    open_elsewhere.say("c")
    open_elsewhere.close()
    for path in folder.iterdir():
        content = path.read_bytes().lower()
        assert secret.encode().lower() not in content
        assert b"harmless" in content
    assert library.find(secret) == []
    assert library.info(keep).turns == 2


def test_what_was_deleted_elsewhere_does_not_come_back(folder, library):
    talk = Talk(folder).say("a", "b")
    library.delete([talk.id])
    deleted = talk.id
    talk.say("c", "d")
    assert talk.close() == [f"{deleted} was deleted meanwhile; what follows is a new conversation, {talk.id}"]
    [info] = library.find()
    assert (info.id, info.title, questions(library.load(info.id))) == (talk.id, "c", ["c", "d"])
    assert rows(folder, "SELECT count(*) FROM turn") == [(2,)]


def test_what_was_deleted_elsewhere_does_not_come_back_in_a_branch(folder, library):
    talk = Talk(folder).say("a", "b")
    library.delete([talk.id])
    talk.say("c")
    talk.recorder.branch("mine")
    talk.keep()
    talk.say("d")
    talk.close()
    assert [questions(library.load(info.id)) for info in library.find()] == [["c", "d"], ["c"]]
    assert rows(folder, "SELECT count(*) FROM turn WHERE text LIKE 'a%' OR text LIKE 'b%'") == [(0,)]


def test_a_conversation_that_was_deleted_does_not_leave_its_title_to_the_next_one(folder, library):
    talk = Talk(folder, resumed=library.load(kept(folder, "a secret")))
    library.delete([talk.id])
    talk.say("b", "c")
    assert [info.title for info in library.find()] == ["b"]
    # A title that is given afterwards is the new one's.
    talk.recorder.rename("mine")
    talk.say("d")
    talk.close()
    assert [info.title for info in library.find()] == ["mine"]


def test_a_title_that_is_given_after_the_deletion_is_kept(folder, library):
    talk = Talk(folder, resumed=library.load(kept(folder, "a secret")))
    deleted = talk.id
    library.delete([deleted])
    talk.recorder.rename("mine")
    talk.keep()
    talk.say("b")
    # There is nothing yet that the remark could name.
    assert talk.close() == [f"{deleted} was deleted meanwhile"]
    assert [info.title for info in library.find()] == ["mine"]


def test_what_was_noted_before_the_deletion_was_known_does_not_bring_the_title_back(folder, library):
    talk = Talk(folder, resumed=library.load(kept(folder, "a secret")))
    library.delete([talk.id])
    slot = talk.recorder._slot
    snapshots = []
    for text in ("b", "c"):
        talk.conversation.record(Message("user", text), Reply(content="x", finish_reason="stop"))
        snapshots.append(snapshot_of(talk.conversation, title=talk.recorder.title))
    database = open_database(folder, create=False)
    assert database is not None
    with database:
        for snapshot in snapshots:
            write_changes(database, [(slot, snapshot)])
    assert [(info.title, info.turns) for info in library.find()] == [("b", 2)]


def test_undo_after_a_deletion_hides_no_later_turn(folder, library):
    talk = Talk(folder).say("a", "b")
    library.delete([talk.id])
    talk.say("c")
    for _ in range(2):
        talk.conversation.drop_last()
        talk.keep()
    talk.say("d")
    talk.close()
    assert [questions(library.load(info.id)) for info in library.find()] == [["d"]]


def test_two_shells_that_continue_the_same_conversation_lose_nothing(folder, library):
    first = kept(folder, "a", "b")
    one = Talk(folder, resumed=library.load(first))
    two = Talk(folder, resumed=library.load(first))
    one.say("one")
    two.say("two", "more")
    one.say("again")
    assert one.close() == []
    [report] = two.close()
    assert report == f"another shell continues {first}, too; this conversation is now {two.id}, a branch of it"
    assert questions(library.load(first)) == ["a", "b", "one", "again"]
    assert questions(library.load(two.id)) == ["a", "b", "two", "more"]
    assert library.info(two.id).parent == first


def test_a_branch_by_another_shell_has_the_turns_that_left_the_window(folder, library):
    first = kept(folder, "a", "b", "c")
    one, two = (Talk(folder, resumed=library.load(first)) for _ in range(2))
    one.say("one")
    two.conversation.drop_oldest(2)
    two.say("two")
    two.close()
    one.close()
    assert questions(library.load(two.id)) == ["a", "b", "c", "two"]


def test_many_changes_are_written_at_once_and_in_order(folder, library):
    talk = Talk(folder, source="script")
    for number in range(300):
        talk.conversation.clear()
        reply = Reply(content="x", finish_reason="stop")
        talk.conversation.record(Message("user", f"message {number}"), reply)
        talk.recorder.save(talk.conversation, talk.origin)
    assert talk.close() == []
    found = library.find()
    assert [info.title for info in found] == [f"message {number}" for number in reversed(range(300))]
    assert {info.source for info in found} == {"script"}


def test_the_traces_of_deleted_text_are_removed_without_an_index_too(folder, library, monkeypatch):
    doomed = kept(folder, "secret")
    from kaito.history.opening import open_database

    database = open_database(folder, create=False)
    assert database is not None
    with database:
        database.indexed = False
        erase_traces(database)
    assert library.info(doomed).title == "secret"


def test_a_failure_to_remove_old_conversations_is_reported_and_nothing_is_written_twice(folder, library, monkeypatch):
    first = kept(folder, "a")
    one, two = (Talk(folder, resumed=library.load(first)) for _ in range(2))
    one.say("one")
    one.close()

    def fail(*arguments):
        raise KaitoError("no room to prune")

    monkeypatch.setattr("kaito.history.pruning.prune", fail)
    for text in ("two", "more"):
        two.conversation.record(Message("user", text), Reply(content="x", finish_reason="stop"))
        two.recorder.save(two.conversation, two.origin)
    remark, failure = two.close()
    assert remark == f"another shell continues {first}, too; this conversation is now {two.id}, a branch of it"
    assert isinstance(failure, KaitoError)
    assert failure.message == "no room to prune"
    assert [info.id for info in library.find()] == [two.id, first]
    assert rows(folder, "SELECT revision FROM conversation WHERE id = ?", two.id) == [(1,)]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are UTF-8")
def test_the_folder_may_have_any_name(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9 %41?#") / "kaito"
    kept(folder, "a")
    assert [info.title for info in Library(folder).find()] == ["a"]
    assert sorted(os.listdir(folder)) == ["history.db"]


def test_bounds_have_defaults():
    assert Bounds() == Bounds(256 * 1024 * 1024, 365 * 86400)


def snapshot_of(conversation, *, title=None, updated=0.0):
    """Return what a recorder notes of a conversation."""
    return Snapshot(
        turns=conversation.turn_list,
        system=None,
        dropped=0,
        cut=False,
        origin=ORIGIN,
        title=title,
        updated=updated,
        source="script",
    )


def test_many_conversations_of_one_transaction_are_kept_and_found(folder, library):
    batch = []
    for number in range(130):
        conversation = Conversation(None)
        for turn in range(number % 3 + 1):
            conversation.record(Message("user", f"question{number}x part{turn}"), Reply(content="x"))
        snapshot = snapshot_of(conversation, updated=float(number))
        batch.append((Slot(id=new_id(), created=0.0), snapshot))
    database = open_database(folder, create=True)
    assert database is not None
    with database:
        # What others have removed before leaves gaps in the numbers of the turns.
        write_changes(database, batch[:2])
        with database.writing():
            remove_conversations(database, [batch[0][0].id])
        write_changes(database, batch[2:])
        database.connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    for number, (slot, snapshot) in [*enumerate(batch)][1:]:
        assert slot.revision == 1
        assert [info.id for info in library.find(f"question{number}x")] == [slot.id]
        assert [*library.load(slot.id).messages] == [message for turn in snapshot.turns for message in turn.messages]
