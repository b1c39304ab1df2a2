"""Lines of input as commands and messages, and scripts."""

import io

import pytest

from kaito.errors import KaitoError, UsageError
from kaito.shell.input.entries import Entry, Kind, classify
from kaito.shell.input.sources import Script


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
    script = Script(io.BytesIO(data), "s", **options)
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
        (b"a\n\xffb\nc\n", [("s:1", "a"), ("s:2", "the line is not UTF-8: byte 1 is 0xff"), ("s:3", "c")]),
        (b'"""\nhelp\nme\n"""\nb\n', [("s:1", "help\nme"), ("s:5", "b")]),
        (b'"""a\n  b\nc"""\n', [("s:1", "a\n  b\nc")]),
        (b'"""one"""\nb\n', [("s:1", "one"), ("s:2", "b")]),
        (b'"""\n"""\nb\n', [("s:3", "b")]),
        (b'"""\n\n\na\n"""\n', [("s:1", "\n\na")]),
        (b'  """  \na\n"""  \n', [("s:1", "a")]),
        (b'say """ now\nb\n', [("s:1", 'say """ now'), ("s:2", "b")]),
        (b'a\n"""\nb\n', [("s:1", "a"), ("s:2", 'a block opened by """ is not closed')]),
        (b'"""\nclear\n\xffb\nquit\n"""\nc\n', [("s:3", "the line is not UTF-8: byte 1 is 0xff"), ("s:6", "c")]),
        (b'"""\xff\nquit\n"""\nc\n', [("s:1", "the line is not UTF-8: byte 4 is 0xff"), ("s:4", "c")]),
        (b'"""\n\xff"""\nc\n', [("s:2", "the line is not UTF-8: byte 1 is 0xff"), ("s:3", "c")]),
        (b'"""\nb\n\xff', [("s:3", "the line is not UTF-8: byte 1 is 0xff")]),
        (b"a\x00b\x0cc\xc2\x85d\xe2\x80\xa8e\n", [("s:1", "a\x00b\x0cc\x85d\u2028e")]),
    ],
)
def test_read_a_script(data, entries):
    assert read_all(data) == entries


def test_the_interpreter_line_of_a_piped_script_is_skipped():
    assert read_all(b"#!/bin/sh\na\n", trusted=False) == [("s:2", "a")]


def test_a_line_of_a_mebibyte():
    assert read_all(b"x" * 2**20 + b"\ny") == [("s:1", "x" * 2**20), ("s:2", "y")]


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
