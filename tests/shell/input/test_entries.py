"""Lines of input as commands and messages, and scripts."""

import io
from typing import cast

import pytest

from kaito.errors import KaitoError, UsageError
from kaito.shell.input.entries import Entry, Kind, classify
from kaito.shell.input.sources import LongLineError, Script
from kaito.util import limits


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("", Entry(Kind.NOTHING, "")),
        ("  \t ", Entry(Kind.NOTHING, "")),
        ("help", Entry(Kind.WORD, "help")),
        ("  QUIT ", Entry(Kind.WORD, "quit")),
        ("Exit", Entry(Kind.WORD, "exit")),
        ("clear", Entry(Kind.WORD, "clear")),
        ("status", Entry(Kind.WORD, "status")),
        ("help me write a poem", Entry(Kind.MESSAGE, "help me write a poem")),
        ("quit smoking?", Entry(Kind.MESSAGE, "quit smoking?")),
        ("EOF", Entry(Kind.MESSAGE, "EOF")),
        ("?", Entry(Kind.MESSAGE, "?")),
        ("? help", Entry(Kind.MESSAGE, "? help")),
        ("!ls", Entry(Kind.MESSAGE, "!ls")),
        ("  indented", Entry(Kind.MESSAGE, "  indented")),
        ("/set temperature 0.2", Entry(Kind.SLASH, "set", "temperature 0.2")),
        ("/HELP", Entry(Kind.SLASH, "help")),
        (" /system  two  words ", Entry(Kind.SLASH, "system", "two  words")),
        ("//x y", Entry(Kind.MESSAGE, "/x y")),
        ("/etc/hosts is empty", Entry(Kind.MESSAGE, "/etc/hosts is empty")),
        ("/", Entry(Kind.SLASH, "")),
        ("/ x", Entry(Kind.MESSAGE, "/ x")),
        ("/3 of them", Entry(Kind.MESSAGE, "/3 of them")),
        ("/* a comment */", Entry(Kind.MESSAGE, "/* a comment */")),
        ("/etc/", Entry(Kind.MESSAGE, "/etc/")),
        ("/set_temperature 1", Entry(Kind.SLASH, "set_temperature", "1")),
        ("/max_tokens\t5", Entry(Kind.SLASH, "max_tokens", "5")),
        ("/help?", Entry(Kind.SLASH, "help?")),
        ("/?", Entry(Kind.SLASH, "?")),
        ("/élan", Entry(Kind.SLASH, "élan")),
    ],
)
def test_classify(line, entry):
    assert classify(line) == entry


def read_all(data: bytes, **options):
    return entries_of(Script(io.BytesIO(data), "s", **options))


def entries_of(script: Script):
    entries = []
    while True:
        try:
            entry = script.read()
        except EOFError:
            return entries
        except KaitoError as exc:
            entries.append((script.where, exc.message))
        else:
            if entry.kind is not Kind.NOTHING:
                entries.append((script.where, entry.text))


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        (b"", []),
        (b"a\nb\n", [("s:1", "a"), ("s:2", "b")]),
        (b"a\r\nb\r\n", [("s:1", "a"), ("s:2", "b")]),
        (b"a\n\nb", [("s:1", "a"), ("s:3", "b")]),
        (b"\xef\xbb\xbfhelp\n", [("s:1", "help")]),
        (b"#!/usr/bin/env kaito\na\n", [("s:2", "a")]),
        (b"#!x", []),
        (b"a\n#!x\n", [("s:1", "a"), ("s:2", "#!x")]),
        (b"a\n\xffb\nc\n", [("s:1", "a"), ("s:2", "The line is not UTF-8: byte 1 is 0xff"), ("s:3", "c")]),
        (b'"""\nhelp\nme\n"""\nb\n', [("s:1", "help\nme"), ("s:5", "b")]),
        (b'"""a\n  b\nc"""\n', [("s:1", "a\n  b\nc")]),
        (b'"""one"""\nb\n', [("s:1", "one"), ("s:2", "b")]),
        (b'"""\n"""\nb\n', [("s:3", "b")]),
        (b'"""\n\n\na\n"""\n', [("s:1", "\n\na")]),
        (b'  """  \na\n"""  \n', [("s:1", "a")]),
        (b'say """ now\nb\n', [("s:1", 'say """ now'), ("s:2", "b")]),
        (b'a\n"""\nb\n', [("s:1", "a"), ("s:2", 'A block opened by """ is not closed')]),
        (b'"""\nclear\n\xffb\nquit\n"""\nc\n', [("s:3", "The line is not UTF-8: byte 1 is 0xff"), ("s:6", "c")]),
        (b'"""\xff\nquit\n"""\nc\n', [("s:1", "The line is not UTF-8: byte 4 is 0xff"), ("s:4", "c")]),
        (b'"""\n\xff"""\nc\n', [("s:2", "The line is not UTF-8: byte 1 is 0xff"), ("s:3", "c")]),
        (b'"""\nb\n\xff', [("s:3", "The line is not UTF-8: byte 1 is 0xff")]),
        (b"a\x00b\x0cc\xc2\x85d\xe2\x80\xa8e\n", [("s:1", "a\x00b\x0cc\x85d\u2028e")]),
    ],
)
def test_read_a_script(data, entries):
    assert read_all(data) == entries


def test_the_interpreter_line_of_a_piped_script_is_skipped():
    assert read_all(b"#!/bin/sh\na\n", trusted=False) == [("s:2", "a")]


def test_a_line_of_a_mebibyte():
    assert read_all(b"x" * 2**20 + b"\ny") == [("s:1", "x" * 2**20), ("s:2", "y")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"])
@pytest.mark.parametrize("size", [1, 3, 64])
def test_a_byte_order_mark_names_the_encoding(encoding, size):
    # U+0A0A and U+0A00 have the byte of a line feed.
    data = "\ufeff#!x\né🤖\u0a0a\u0a00\r\n\nlast".encode(encoding)
    script = Script(Slow(data, size), "s")
    assert entries_of(script) == [("s:2", "é🤖\u0a0a\u0a00"), ("s:4", "last")]


@pytest.mark.parametrize("bad", [b"\x00\xd8b\x00", b"b\x00\x00\xdc"])
@pytest.mark.parametrize("end", [b"", b"\x00"])
def test_a_bad_line_of_utf16(bad, end):
    message = "The line is not valid in the encoding of the byte order mark"
    entries = read_all(b"\xff\xfea\0\n\0" + bad + b"\n\0c\0" + end)
    assert entries == [("s:1", "a"), ("s:2", message), ("s:3", message if end else "c")]


class Slow(io.BytesIO):
    """A file whose reads return a few bytes; it counts them."""

    def __init__(self, data, size):
        super().__init__(data)
        self.size, self.reads, self.bytes = size, 0, 0

    def read(self, size=-1):
        data = super().read(min(size, self.size))
        self.reads, self.bytes = self.reads + 1, self.bytes + len(data)
        return data


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(limits, "SCRIPT_LINE", 1000)
    monkeypatch.setattr(limits, "STDIN", 5000)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("size", [7, 1000, 10**6])
def test_a_line_that_is_too_long_is_skipped(size):
    long, most = b"x" * 50_000, b"y" * 999
    entries = entries_of(Script(Slow(long + b"\n" + most + b"\n" + long + b"\r\nb\n" + long, size), "s"))
    assert [(where, text[:25]) for where, text in entries] == [
        ("s:1", "The line is longer than 1"),
        ("s:2", "y" * 25),
        ("s:3", "The line is longer than 1"),
        ("s:4", "b"),
        ("s:5", "The line is longer than 1"),
    ]


@pytest.mark.usefixtures("small_limits")
def test_an_endless_line_is_read_no_further_than_the_limit():
    endless = Slow(b"x" * 10**6, 64)
    with pytest.raises(LongLineError) as caught:
        Script(cast(io.BytesIO, Endless(endless)), "s").read()
    assert caught.value.exit_code == 2
    assert endless.bytes < 1200


class Endless:
    """A file that fails the test when its line is read to the end."""

    def __init__(self, file):
        self.file = file

    def read(self, size):
        if self.file.bytes > 1064:
            pytest.fail("reads on")
        return self.file.read(size)


@pytest.mark.usefixtures("small_limits")
def test_a_block_that_is_too_long_is_read_to_its_end():
    block = b'"""\n' + b"x" * 900 + b"\n" + b"quit\n" * 1000 + b'"""\nnext\n'
    assert read_all(block) == [("s:1", "The block is longer than 16 MiB"), ("s:1004", "next")]


def test_a_script_that_cannot_be_read():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    script = Script(Broken(), "s")
    with pytest.raises(KaitoError, match="Cannot read s: Input/output error"):
        script.read()
    with pytest.raises(EOFError):
        script.read()


def test_an_unclosed_block_is_a_usage_error():
    script = Script(io.BytesIO(b'"""'), "s")
    with pytest.raises(UsageError):
        script.read()
    assert script.where == "s:1"
