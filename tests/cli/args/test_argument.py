"""The argument without a flag, on both sides of `--`."""

from __future__ import annotations

import pytest

from kaito.cli.args.parser import Parser
from kaito.errors import UsageError
from kaito.types.options import Argument


def kept(arguments: list[str], **argument):
    """Return what a command with this argument is given."""
    parser = Parser("kaito test", "", "")
    parser.add_argument("--flag")
    values: list[object] = []
    parser.take_argument(Argument(metavar="NAME", help="", **argument), values.append)
    parser.parse(arguments)
    return values


@pytest.mark.parametrize("arguments", [["one"], ["--", "one"], ["--flag", "x", "--", "one"]])
def test_one_argument(arguments):
    assert kept(arguments) == ["one"]
    assert kept(arguments, choices=("one", "two")) == ["one"]


def test_what_follows_two_dashes_is_no_flag():
    assert kept(["--", "--flag"]) == ["--flag"]
    assert kept(["a", "--", "--flag", "--", "b"], repeatable=True) == [["a", "--flag", "--", "b"]]


def test_a_flag_is_replaced_only_where_it_is_one():
    parser = Parser("kaito test", "", "")
    parser.add_argument("-n", "--name")
    parser.add_argument("--flag")
    for given in (["-n", "x"], ["-nx"], ["-n=x"], ["--name=x"]):
        assert parser.replaced([*given, "--flag", "-n"], "--name", "-n", "y") == ["--flag", "-n", "-n", "y"]
        assert parser.replaced(["--flag", "-n", "--", *given], "--name", "-n", "y") == (
            ["--flag", "-n", "-n", "y", "--", *given]
        )
    assert parser.replaced(["", "-n", "x"], "--name") == [""]


def test_a_surplus_argument_is_named_as_it_was_typed():
    with pytest.raises(UsageError, match=r"^Unexpected argument 'two'$"):
        kept(["one", "--", "two"])
    with pytest.raises(UsageError, match=r"^'three' is not one of one, two$"):
        kept(["--", "three"], choices=("one", "two"))
