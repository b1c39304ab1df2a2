"""The built-in formatters, used as the shell uses them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.formatters.json import Json
from kaito.formatters.plain import Plain
from kaito.settings import Settings
from kaito.types import Delta, Reply, Screen, ToolCall, Usage
from kaito.util.sanitize import UNSAFE

SETTINGS = Settings()
COLOUR = Screen(terminal=True, colour=True)


def render(formatter, *pieces, finish_reason="stop"):
    deltas = [Delta(content=piece) if isinstance(piece, str) else piece for piece in pieces]
    output = "".join(formatter.feed(delta) for delta in deltas)
    content = "".join(delta.content for delta in deltas)
    return output + formatter.finish(Reply(content=content, finish_reason=finish_reason))


@pytest.mark.parametrize(
    ("pieces", "output"),
    [
        (["Hello"], "Assistant: Hello\n"),
        (["Hel", "lo", "\n"], "Assistant: Hello\n"),
        (["\n\n  ", " Hello"], "Assistant: Hello\n"),
        (["a\n", "\n", "b\n\n"], "Assistant: a\n\nb\n"),
        (["a  "], "Assistant: a  \n"),
        ([" \n"], ""),
        ([], ""),
    ],
)
def test_plain(pieces, output):
    assert render(Plain(Screen(), SETTINGS), *pieces) == output


def test_plain_shows_an_empty_answer_on_a_terminal():
    assert render(Plain(Screen(terminal=True), SETTINGS), " \n") == "Assistant: \n"


@pytest.mark.parametrize(("pieces", "output"), [(["Hel"], "Assistant: Hel\n"), ([], ""), (["\n"], "")])
def test_plain_ends_the_line_of_a_broken_answer(pieces, output):
    assert render(Plain(Screen(), SETTINGS), *pieces, finish_reason=None) == output


def test_plain_shows_each_piece_at_once():
    formatter = Plain(Screen(), SETTINGS)
    assert [formatter.feed(Delta(content=piece)) for piece in ("\n", "a", " b\n", "c")] == [
        "",
        "Assistant: a",
        " b",
        "\nc",
    ]


def test_plain_does_not_show_reasoning_in_piped_output():
    assert render(Plain(Screen(), SETTINGS), Delta(reasoning="hm"), "yes") == "Assistant: yes\n"


def test_plain_shows_reasoning_above_the_answer_on_a_terminal():
    deltas = [Delta(reasoning="h"), Delta(reasoning="m\n\n"), "yes", Delta(reasoning="late")]
    assert render(Plain(Screen(terminal=True), SETTINGS), *deltas) == "Thinking: hm\nAssistant: yes\n"
    assert render(Plain(COLOUR, SETTINGS), *deltas) == "\x1b[2mThinking: h\x1b[22m\x1b[2mm\x1b[22m\nAssistant: yes\n"


def test_plain_ends_the_line_of_interrupted_reasoning():
    assert render(Plain(Screen(terminal=True), SETTINGS), Delta(reasoning="hm"), finish_reason=None) == "Thinking: hm\n"


@given(st.lists(st.text(st.sampled_from("ab \n\t")), max_size=12))
def test_plain_strips_leading_blanks_and_trailing_newlines(pieces):
    body = "".join(pieces).lstrip().rstrip("\n")
    assert render(Plain(Screen(), SETTINGS), *pieces) == (f"Assistant: {body}\n" if body else "")


def reply(**fields):
    return Reply(
        **{"content": "Hi", "model": "m", "finish_reason": "stop", "first_token_s": 0.1, "total_s": 0.25, **fields}
    )


def test_json():
    formatter = Json(Screen(), SETTINGS)
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


def test_json_of_a_broken_answer():
    assert json.loads(Json(Screen(), SETTINGS).finish(reply(finish_reason=None)))["finish_reason"] is None
    assert Json(Screen(), SETTINGS).finish(reply(content="", finish_reason=None)) == ""


def test_json_contains_the_reasoning():
    assert json.loads(Json(Screen(), SETTINGS).finish(reply(reasoning="hm", first_token_s=None)))["reasoning"] == "hm"


@given(st.text(), st.booleans())
def test_json_is_lossless_and_has_no_control_characters(text, unicode):
    line = Json(Screen(unicode=unicode), SETTINGS).finish(reply(content=text))
    assert json.loads(line)["text"] == text
    assert UNSAFE.search(line.removesuffix("\n")) is None
    assert "\n" not in line[:-1]
    assert unicode or line.isascii()


CALLS = (ToolCall(id="1", name="add", arguments='{"a": 1}'), ToolCall(id="", name="now"))


@pytest.mark.parametrize(
    ("pieces", "output"),
    [
        ([], "Assistant: "),
        (["\n"], "Assistant: "),
        (["I add", "\n\n"], "Assistant: I add\n"),
        ([Delta(reasoning="hm")], "Thinking: hm\nAssistant: "),
        ([Delta(reasoning="hm"), "I add"], "Thinking: hm\nAssistant: I add\n"),
    ],
)
def test_plain_shows_each_call_on_a_line(pieces, output):
    formatter = Plain(Screen(terminal=True), SETTINGS)
    text = "".join(formatter.feed(piece if isinstance(piece, Delta) else Delta(content=piece)) for piece in pieces)
    text += formatter.finish(Reply(content="", tool_calls=CALLS, finish_reason="tool_calls"))
    assert text == output + '[tool call] add({"a": 1})\n[tool call] now()\n'


def test_json_has_calls_and_parsed_values_only_when_there_are_some():
    answer = json.loads(render(Json(Screen(), SETTINGS), "x"))
    assert not {"tool_calls", "parsed"} & set(answer)
    answer = json.loads(Json(Screen(), SETTINGS).finish(Reply(content="null", tool_calls=CALLS, parsed=None)))
    assert answer["parsed"] is None
    assert answer["tool_calls"] == [
        {"id": "1", "name": "add", "arguments": '{"a": 1}'},
        {"id": "", "name": "now", "arguments": ""},
    ]
