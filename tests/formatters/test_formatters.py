"""The built-in formatters, fed as the shell feeds them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.sanitize import UNSAFE
from kaito.formatters.json import Json
from kaito.formatters.plain import Plain
from kaito.types import Delta, Reply, Screen, Usage

COLOUR = Screen(terminal=True, colour=True)


def draw(formatter, *pieces, finish_reason="stop"):
    deltas = [Delta(content=piece) if isinstance(piece, str) else piece for piece in pieces]
    shown = "".join(formatter.feed(delta) for delta in deltas)
    content = "".join(delta.content for delta in deltas)
    return shown + formatter.finish(Reply(content=content, finish_reason=finish_reason))


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["Hello"], "Assistant: Hello\n"),
        (["Hel", "lo", "\n"], "Assistant: Hello\n"),
        (["\n\n  ", " Hello"], "Assistant: Hello\n"),
        (["a\n", "\n", "b\n\n"], "Assistant: a\n\nb\n"),
        (["a  "], "Assistant: a  \n"),
        ([" \n"], "Assistant: \n"),
        ([], "Assistant: \n"),
    ],
)
def test_plain(pieces, shown):
    assert draw(Plain(Screen()), *pieces) == shown


@pytest.mark.parametrize(("pieces", "shown"), [(["Hel"], "Assistant: Hel\n"), ([], ""), (["\n"], "")])
def test_plain_when_the_answer_breaks_off(pieces, shown):
    assert draw(Plain(Screen()), *pieces, finish_reason=None) == shown


def test_each_piece_is_shown_when_it_comes():
    formatter = Plain(Screen())
    assert [formatter.feed(Delta(content=piece)) for piece in ("\n", "a", " b\n", "c")] == [
        "",
        "Assistant: a",
        " b",
        "\nc",
    ]


def test_reasoning_is_left_out_of_piped_output():
    assert draw(Plain(Screen()), Delta(reasoning="hm"), "yes") == "Assistant: yes\n"


def test_reasoning_stands_above_the_answer_on_a_terminal():
    thought = [Delta(reasoning="h"), Delta(reasoning="m\n\n"), "yes", Delta(reasoning="late")]
    assert draw(Plain(Screen(terminal=True)), *thought) == "Thinking: hm\nAssistant: yes\n"
    assert draw(Plain(COLOUR), *thought) == "\x1b[2mThinking: h\x1b[22m\x1b[2mm\x1b[22m\nAssistant: yes\n"


def test_reasoning_that_is_interrupted_ends_its_line():
    assert draw(Plain(Screen(terminal=True)), Delta(reasoning="hm"), finish_reason=None) == "Thinking: hm\n"


@given(st.lists(st.text(st.sampled_from("ab \n\t")), max_size=12))
def test_plain_shows_the_answer_without_its_edges(pieces):
    body = "".join(pieces).lstrip().rstrip("\n")
    assert draw(Plain(Screen()), *pieces) == f"Assistant: {body}\n"


def reply(**more):
    return Reply(
        **{"content": "Hi", "model": "m", "finish_reason": "stop", "first_token_s": 0.1, "total_s": 0.25, **more}
    )


def test_json():
    formatter = Json(Screen())
    assert formatter.feed(Delta(content="Hi")) == ""
    line = formatter.finish(reply(usage=Usage(prompt_tokens=3, completion_tokens=1)))
    assert line.endswith("}\n")
    assert json.loads(line) == {
        "text": "Hi",
        "model": "m",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cached_tokens": None},
        "timings": {"first_token_s": 0.1, "total_s": 0.25},
    }


def test_json_of_an_answer_that_broke_off():
    assert json.loads(Json(Screen()).finish(reply(finish_reason=None)))["finish_reason"] is None
    assert Json(Screen()).finish(reply(content="", finish_reason=None)) == ""


def test_json_tells_the_reasoning():
    assert json.loads(Json(Screen()).finish(reply(reasoning="hm", first_token_s=None)))["reasoning"] == "hm"


@given(st.text(), st.booleans())
def test_json_is_lossless_and_harmless(text, unicode):
    line = Json(Screen(unicode=unicode)).finish(reply(content=text))
    assert json.loads(line)["text"] == text
    assert UNSAFE.search(line.removesuffix("\n")) is None
    assert "\n" not in line[:-1]
    assert unicode or line.isascii()
