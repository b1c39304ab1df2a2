"""Commands that read and write files, and the format of conversation files."""

import json
import os
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.chat.image_files import read_image
from kaito.chat.transcripts import read_conversation, write_conversation
from kaito.errors import ExitCode, KaitoError, UsageError
from kaito.shell.input.filenames import first_name, only_name
from kaito.types import Image, Message, ToolCall
from kaito.util import limits
from tests.images import png
from tests.shell.harness import ShellHarness

TURN = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
CALLS = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}


def test_save_writes_openai_s_format(tmp_path):
    file = tmp_path / "my talk.json"
    harness = ShellHarness(
        "hé\x1b[2J", f"/save {file}", "again", f"/save '{file}'", settings={"system_prompt": "Be brief"}
    )
    _, err = harness.run()
    assert err == f"Saved 3 messages to {file}\nSaved 5 messages to {file}\n"
    messages = json.loads(file.read_text("utf-8"))
    assert messages[:2] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "hé\x1b[2J"}]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [file.name]


def test_load_replaces_the_conversation(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TURN))
    harness = ShellHarness("x", f"/load {file}", "/retry", "/undo", "/retry", keep_going=True)
    harness.server.answers = ["X", "b"]
    _, err = harness.run()
    assert err.startswith(f"Loaded 2 messages from {file}\nRemoved: q\n❌ Error: There is no message")
    # The system prompt stays if the file has none.
    request = harness.server.requests[-1]
    assert [message.role for message in request.messages] == ["system", "user"]
    file.write_text(json.dumps({"model": "m", "messages": [{"role": "developer", "content": "Be long"}, *TURN]}))
    harness = ShellHarness(f"/load {file}", "hi")
    harness.run()
    assert [message.content for message in harness.server.requests[-1].messages] == ["Be long", "q", "a", "hi"]


def test_text_parts_are_joined(tmp_path):
    file = tmp_path / "talk.json"
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    file.write_text(json.dumps([{"role": "user", "content": parts, "name": "x"}, TURN[1]]))
    assert read_conversation(file) == [Message("user", "ab"), Message("assistant", "a")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a conversation"),
        ("{}", "is not a conversation"),
        ('[{"role": "user"}]', "is not a conversation"),
        ("[" * 100_000, "is not a conversation"),
        (
            '{"messages": [], "z": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "is not a conversation: it is nested too deeply",
        ),
        ('[{"role": "' + "x" * 9999 + '", "content": ""}]', f"a message has the role '{'x' * 300}'"),
        ('[{"role": "user", "content": [{"type": "image_url"}]}]', "is not a conversation"),
        ('[{"role": "tool", "content": "x"}]', "message 1 is the tool's: user and assistant must alternate"),
        (json.dumps(TURN[:1]), "the last message has no answer"),
        (json.dumps(TURN[::-1]), "message 1 is the assistant's: user and assistant must alternate"),
        (json.dumps([{"role": "system", "content": "x"}, *TURN, *TURN[1:]]), "message 4 is the assistant's"),
        (b"\xff", "it is not UTF-8: byte 1 is 0xff"),
        (
            '[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/a.png"}}]}]',
            "message 1 has an image that cannot be sent: it is not a data: URL in base64",
        ),
        ('[{"role": "user", "tool_calls": []}]', "is not a conversation: message 1 has no content"),
        (json.dumps([TURN[0], CALLS, {"role": "tool", "content": "x"}]), "the last message has no answer"),
        (json.dumps([TURN[0], TURN[1], {"role": "tool", "content": "x"}]), "message 3 is the tool's"),
    ],
)
def test_a_file_that_cannot_be_loaded_changes_nothing(tmp_path, content, message):
    file = tmp_path / "talk.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    harness = ShellHarness("x", f"/load {file}")
    _, err = harness.run()
    assert message in err
    assert harness.texts == ["x", "x"]
    assert harness.shell.exit_code is ExitCode.FAILED


def test_save_does_not_replace_other_files(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    _, err = ShellHarness("x", f"/save {file}").run()
    assert f"❌ Error: '{file}' exists and is not replaced: not a conversation\n" in err
    assert file.read_text() == "mine"
    _, err = ShellHarness("x", f"/save {tmp_path}").run()
    assert "exists and is not replaced" in err
    # An empty file is replaced, and a symbolic link stays one.
    file.write_text("")
    link = tmp_path / "link"
    link.symlink_to(file)
    ShellHarness("x", f"/save {link}").run()
    assert link.is_symlink()
    assert len(json.loads(file.read_text())) == 3


def test_save_does_not_replace_another_conversation(tmp_path):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(TURN))
    _, err = ShellHarness("x", f"/save {file}").run()
    assert (
        f"❌ Error: '{file}' exists and is not replaced: it contains another conversation, or more of this one\n" in err
    )
    assert "   With --force before the name, it is replaced\n" in err
    _, err = ShellHarness("x", f"/save {file}", interactive=True).run()
    assert "   '/save --force FILE' replaces it\n" in err
    assert json.loads(file.read_text()) == TURN
    # The undone turn would be lost.
    harness = ShellHarness("a", "b", f"/save --force {file}", "/undo", f"/save {file}")
    _, err = harness.run()
    assert "or more of this one" in err
    assert len(json.loads(file.read_text())) == 5
    assert harness.shell.exit_code is ExitCode.FAILED


def test_save_force_replaces_a_file(tmp_path):
    file = tmp_path / "my notes.txt"
    file.write_text("mine")
    _, err = ShellHarness("x", f"/save --force {file}").run()
    assert err == f"Saved 3 messages to {file}\n"
    assert len(json.loads(file.read_text())) == 3
    _, err = ShellHarness("x", f"/save --force {tmp_path}").run()
    assert "not a regular file" in err
    _, err = ShellHarness("x", "/save --force").run()
    assert "needs a file name" in err


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_save_does_not_replace_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for force in ("", "--force "):
        _, err = ShellHarness("x", f"/save {force}{tmp_path / 'pipe'}").run()
        assert "exists and is not replaced: not a regular file" in err
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_completion_after_force(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk").touch()
    complete = ShellHarness().complete
    assert complete is not None
    assert complete("/save --f") == ["/save --force "]
    assert complete("/save --force ") == ["/save --force talk"]
    assert complete("/save ") == ["/save talk"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/save", "/save: needs a file name"),
        ("/save {folder}/none/talk", "Cannot write '{folder}/none/talk': No such file or directory"),
        ("/load {folder}/none", "Cannot read '{folder}/none': No such file or directory"),
        ("/load {folder}", "Cannot read '{folder}': Is a directory"),
        ("/load ~nobody-of-this-name/x", "/load: the home folder of '~nobody-of-this-name/x' is unknown"),
        ("/read", "/read: needs a file name"),
        ("/read {folder}/empty", "'{folder}/empty' is empty"),
        ("/read {folder}/binary", "Cannot read '{folder}/binary': it is not UTF-8: byte 3 is 0x80"),
        ("/read {folder}/large", "Cannot read '{folder}/large': it is larger than 1024 KiB"),
    ],
)
def test_unusable_files_are_reported(tmp_path, line, message):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"ab\x80")
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    harness = ShellHarness("x", line.format(folder=tmp_path))
    _, err = harness.run()
    assert f"❌ Error: {message.format(folder=tmp_path)}\n" in err
    assert len(harness.server.requests) == 1


def test_an_empty_conversation_is_not_saved(tmp_path):
    _, err = ShellHarness(f"/save {tmp_path}/x", settings={"system_prompt": None}).run()
    assert "There is nothing to save" in err
    assert os.listdir(tmp_path) == []


def test_read_sends_a_file_alone_or_before_a_message(tmp_path):
    file = tmp_path / "a log.txt"
    file.write_bytes(b"\xef\xbb\xbfline 1\r\nline 2\n")
    harness = ShellHarness(f'/read "{file}"', f"/read {str(file).replace(' ', chr(92) + ' ')}  why?")
    harness.run()
    assert harness.server.messages == ["line 1\nline 2", "line 1\nline 2\n\nwhy?"]


@pytest.mark.parametrize("line", ["/save x", "/load x", "/read x"])
def test_file_commands_from_a_pipe_are_rejected(line):
    harness = ShellHarness(line, trusted=False)
    _, err = harness.run()
    assert "works at a prompt and in --script FILE, not from a pipe" in err
    assert harness.shell.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "name", "rest"),
    [
        ("a b", "a", "b"),
        ('"a b" c', "a b", "c"),
        ("'a \"b' c", 'a "b', "c"),
        (r"a\ b c", "a b", "c"),
        (r"C:\new\x c", r"C:\new\x", "c"),
        ("'a'b c", "'a'b", "c"),
        ("it's", "it's", ""),
        ("", "", ""),
    ],
)
def test_first_name(arguments, name, rest):
    assert first_name(arguments) == (name, rest)


def test_only_name_needs_no_quotes(monkeypatch):
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", "/h")
    assert str(only_name("/save", "~/a b")) == os.path.join("/h", "a b")
    assert str(only_name("/save", '"a b"')) == "a b"
    with pytest.raises(UsageError):
        only_name("/save", "a\0b")


@given(st.booleans(), st.lists(st.tuples(st.text(), st.text())))
def test_a_written_conversation_can_be_read(tmp_path_factory, with_system, turns):
    file = tmp_path_factory.mktemp("talk") / "talk.json"
    messages = [Message("system", "Be brief")] if with_system else []
    for question, answer in turns:
        messages += [Message("user", question), Message("assistant", answer)]
    write_conversation(file, messages)
    assert read_conversation(file) == messages
    write_conversation(file, messages)  # its own file may be replaced


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(KaitoError, match="Cannot write"):
        write_conversation(tmp_path / ("x" * 300), [])


def test_images_and_calls_are_written_and_read(tmp_path):
    image = Image.read(png(640, 480), "a b.png")
    messages = [
        Message("user", "What?", images=(image, image.read(png(1, 1)))),
        Message("assistant", "I look", tool_calls=(ToolCall("1", "look", "{}"), ToolCall("", "see", "{}"))),
        Message("tool", "a cat", tool_call_id="1"),
        Message("tool", "a dog"),
        Message("assistant", "A cat"),
    ]
    file = tmp_path / "talk.json"
    write_conversation(file, messages)
    assert read_conversation(file) == messages
    write_conversation(file, [*messages, Message("user", "q"), Message("assistant", "a")])
    with pytest.raises(KaitoError, match="contains another conversation"):
        write_conversation(file, messages)


def test_a_conversation_that_could_not_be_loaded_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "CONVERSATION", 1024 * 1024)
    file = tmp_path / "talk.json"
    image = Image.read(png(1, 1) + bytes(1024 * 1024))
    with pytest.raises(KaitoError, match=f"Cannot write '{file}': it would be larger than 1 MiB"):
        write_conversation(file, [Message("user", "", images=(image,)), Message("assistant", "a")])
    assert not file.exists()


# Images


def test_images_wait_for_the_next_message(tmp_path):
    first, second = tmp_path / "a b.png", tmp_path / "c.png"
    first.write_bytes(png(1, 2))
    second.write_bytes(png(3, 4))
    harness = ShellHarness(f'/image "{first}"', f"/image {second}", "What?", "And?", f"/image {second} x", "/retry")
    _, err = harness.run()
    assert err == (
        "[image: a b.png, 1x2] is sent with the next message\n"
        "[image: a b.png, 1x2] [image: c.png, 3x4] are sent with the next message\n"
    )
    sent = [request.messages[-1] for request in harness.server.requests]
    assert [[image.name for image in message.images] for message in sent] == [
        ["a b.png", "c.png"],
        [],
        ["c.png"],
        ["c.png"],
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_unicode_is_replaced(tmp_path):
    file = tmp_path / "caf\udce9.png"
    file.write_bytes(png(1, 2))
    image = read_image(file)
    assert image.shown == "[image: caf\ufffd.png, 1x2]"
    write_conversation(tmp_path / "talk.json", [Message("user", "", images=(image,)), Message("assistant", "a")])


@pytest.mark.parametrize(("command", "said"), [("/undo", "Removed: [image: a.png, 1x2]\n"), ("clear", "cleared\n")])
def test_images_that_wait_are_removed(tmp_path, command, said):
    file = tmp_path / "a.png"
    file.write_bytes(png(1, 2))
    harness = ShellHarness("q", f"/image {file}", command, "x")
    _, err = harness.run()
    assert err.endswith(said)
    assert harness.server.requests[-1].messages[-1] == Message("user", "x")
    assert harness.texts == (["q", "q", "x", "x"] if command == "/undo" else ["x", "x"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("{0}/none.png", "Cannot send '{0}/none.png': No such file or directory"),
        ("{0}", "Cannot send '{0}': Is a directory"),
        ("/dev/zero", "Cannot send '/dev/zero': it is not a regular file"),
        ("", "/image: needs a file name"),
        ("{0}/x.txt what is it", "Cannot send '{0}/x.txt': it is not a PNG, JPEG, GIF or WebP image"),
    ],
)
def test_what_is_not_an_image_is_not_sent(tmp_path, arguments, message):
    (tmp_path / "x.txt").write_text("text")
    harness = ShellHarness(f"/image {arguments.format(tmp_path)}")
    _, err = harness.run()
    assert err.startswith(f"❌ Error: {message.format(tmp_path)}\n")
    assert harness.server.requests == []


def test_names_of_images_and_schemas_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").write_text("{}")
    complete = ShellHarness().complete
    assert complete("/image a") == ["/image a\\ b"]
    assert complete("/set schema a") == ["/set schema a\\ b"]
    assert complete("/set schema n") == ["/set schema none"]
    harness = ShellHarness("/set schema a\\ b", "/set schema 'a b'", "/set schema a b", "/set schema default")
    _, err = harness.run()
    assert err == "schema: a b\n" * 3 + "schema: (not sent)\n"
