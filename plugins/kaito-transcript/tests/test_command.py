"""`kaito transcript`."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kaito_transcript.totals import totals

LINES = [
    {
        "model": "b",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        "timings": {"first_token_s": 1, "total_s": 2},
    },
    {"model": "b", "replaces": "x", "usage": {"prompt_tokens": 15, "completion_tokens": 1}, "more": 1},
    {"model": "a", "usage": None, "timings": {"first_token_s": None, "total_s": 0.5}},
]


def write(path, *lines):
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))


def test_the_totals(kaito, file, tmp_path):
    write(file, *LINES[:2])
    write(tmp_path / "other.jsonl", LINES[2], "")
    (tmp_path / "notes.txt").write_text("notes")
    outcome = kaito("transcript", str(tmp_path), "-o", "json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == [
        {"model": "a", "turns": 1, "prompt_tokens": 0, "completion_tokens": 0, "seconds": 0.5},
        {"model": "b", "turns": 1, "prompt_tokens": 25, "completion_tokens": 6, "seconds": 2.0},
    ]
    lines = kaito("transcript", str(tmp_path)).out.splitlines()
    assert lines[0].split() == ["MODEL", "TURNS", "PROMPT", "TOKENS", "COMPLETION", "TOKENS", "SECONDS"]
    assert lines[3].split() == ["total", "2", "25", "6", "2.5"]
    assert len(kaito("transcript", str(file)).out.splitlines()) == 2


def test_what_a_chat_has_written(kaito, model_server, file):
    kaito("chat", "--endpoint", model_server.url, "--transcript", str(file), stdin="Hi\nMore\n")
    [total] = json.loads(kaito("transcript", str(file), "-o", "json").out)
    assert (total["model"], total["turns"], total["completion_tokens"]) == ("test-model", 2, 2)
    assert total["seconds"] > 0


def test_damaged_lines_are_left_out(kaito, file):
    write(file, LINES[0], '{"model"', '{"model": 1}', *["x"] * 20)
    outcome = kaito("transcript", str(file), "-o", "json")
    assert outcome.code == 1
    assert len(json.loads(outcome.out)) == 1
    errors = outcome.err.splitlines()
    assert errors[0] == f"Left out: {file}:2: it is not JSON"
    assert errors[1] == f"Left out: {file}:3: model: expected str | null, got int"
    assert errors[-1] == "Left out: 12 more lines"


@pytest.mark.parametrize("content", [None, "", "x\n"])
def test_nothing_to_count(kaito, file, content):
    if content is not None:
        file.write_text(content)
    outcome = kaito("transcript", str(file))
    assert (outcome.code, outcome.out) == (0 if content == "" else 1, "")
    assert "there is no such file" in outcome.err if content is None else "There are no answers in" in outcome.err


def test_a_file_is_required(kaito):
    assert kaito("transcript").code == 2


def test_a_line_without_end(file, monkeypatch):
    monkeypatch.setattr("kaito_transcript.totals._LONGEST", 200)
    write(file, "x" * 1000, LINES[0])
    damaged = []
    assert [each.turns for each in totals([file], damaged.append)] == [1]
    assert damaged == [f"{file}:1: it is longer than 200 bytes"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["model", "usage", "timings", "total_s", "prompt_tokens"]), inner
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_line_is_counted_or_left_out(file, content):
    file.write_bytes(content)
    damaged = []
    found = totals([file], damaged.append)
    assert sum(each.turns for each in found) + len(damaged) <= max(1, content.count(b"\n") + 1)
