"""The command line with this formatter: on a terminal, in a pipe, in the list of plugins."""

import json
import re

import pytest

from kaito.testing import Gate, Say, kaito_command

ANSWER = """# 概要 🚀

Some **bold words** in a paragraph that is long enough to wrap in a window of eighty columns, 日本語のテキストも折り返されます。

1. First item, which is long enough to wrap in a window of forty columns
   - nested `code`
   - [x] done
2. Second

> Quoted, 引用された文章です、and long enough for two rows in a narrow window

| Name | 数量 |
|:-----|----:|
| apple | 1 |
| りんご | 22 |

```python
def f(x):
    return "日本"  # done
```

[Docs](https://kaito.sh) and the end.
"""

AT_80 = """\
Assistant:
概要 🚀

Some bold words in a paragraph that is long enough to wrap in a window of eighty
columns, 日本語のテキストも折り返されます。

1. First item, which is long enough to wrap in a window of forty columns
   • nested code
   ☑ done
2. Second

│ Quoted, 引用された文章です、and long enough for two rows in a narrow window

┌────────┬──────┐
│ Name   │ 数量 │
├────────┼──────┤
│ apple  │    1 │
│ りんご │   22 │
└────────┴──────┘

╭─ python
def f(x):
    return "日本"  # done
╰─

Docs (https://kaito.sh) and the end."""

AT_40 = """\
Assistant:
概要 🚀

Some bold words in a paragraph that is
long enough to wrap in a window of
eighty columns, 日本語のテキストも折り返
されます。

1. First item, which is long enough to
   wrap in a window of forty columns
   • nested code
   ☑ done
2. Second

│ Quoted, 引用された文章です、and long
│ enough for two rows in a narrow window

┌────────┬──────┐
│ Name   │ 数量 │
├────────┼──────┤
│ apple  │    1 │
│ りんご │   22 │
└────────┴──────┘

╭─ python
def f(x):
    return "日本"  # done
╰─

Docs (https://kaito.sh) and the end."""


@pytest.fixture(autouse=True)
def load_only_this_plugin(monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "rich")


def pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize(("columns", "seen"), [(80, AT_80), (40, AT_40)])
@pytest.mark.parametrize("size", [1, 5])
def test_a_terminal(terminal, model_server, columns, seen, size):
    model_server.enqueue(Say(chunks=pieces(ANSWER, size)))
    command = kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi")
    session = terminal(command, columns=columns, rows=60)
    assert session.wait_exit() == 0
    assert session.screen == seen
    assert b"\x1b[1mbold\x1b[0m\x1b[1m words\x1b[0m" in session.raw


def test_words_appear_before_the_answer_is_complete(terminal, model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["Some **bold** wor", "ds and", gate, " more.\n\n|a|\n|-|\n"]))
    session = terminal(kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi"))
    session.wait_for("Assistant: Some bold words")
    gate.open()
    assert session.wait_exit() == 0
    assert session.screen == "Assistant: Some bold words and more.\n\n┌───┐\n│ a │\n├───┤\n└───┘"


def test_a_conversation_at_a_prompt(terminal, model_server):
    model_server.enqueue(Say("- one\n- two"), Say("**three**\n\n\n"))
    session = terminal(kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown"))
    session.wait_for("\n>")
    session.type("Hi\n")
    session.wait_for("\nAssistant:\n• one\n• two\n\n>")
    session.type("More\n")
    session.wait_for("\nAssistant: three\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0


def test_an_interrupted_answer_shows_the_pending_text(terminal, model_server):
    model_server.enqueue(Say(chunks=["Some **bold wor", Gate()]))
    session = terminal(kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown"))
    session.wait_for("\n>")
    session.type("Hi\n")
    session.wait_for("Assistant: Some")
    session.press("ctrl-c")
    session.wait_for("\nAssistant: Some **bold wor")
    session.wait_for("\n>", count=2)
    session.press("ctrl-d")
    assert session.wait_exit() == 0


def test_a_window_that_is_resized(terminal, model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["one two three\n\n", gate, "four five six seven eight nine"]))
    session = terminal(kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi"), columns=80)
    session.wait_for("Assistant: one two three")
    session.resize(20, 24)
    gate.open()
    assert session.wait_exit() == 0
    assert session.screen.endswith("\nfour five six seven\neight nine")


def test_without_colour_there_are_no_escape_sequences(terminal, model_server):
    model_server.enqueue(Say(ANSWER))
    session = terminal(
        kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi", "--color", "never"), rows=60
    )
    assert session.wait_exit() == 0
    answer = session.raw[session.raw.index(b"Assistant: ") :]
    assert b"\x1b" not in answer
    assert "# 概要 🚀" in session.screen


def test_nothing_is_redrawn(terminal, model_server):
    model_server.enqueue(Say(chunks=pieces(ANSWER, 2)))
    session = terminal(
        kaito_command("chat", "--endpoint", model_server.url, "-o", "markdown", "-m", "Hi"), rows=60, stderr="pipe"
    )
    assert session.wait_exit() == 0
    assert set(re.findall(rb"\x1b(?!\[[0-9;]*m).{0,3}|\r(?!\n)", session.raw)) == set()


@pytest.mark.parametrize("color", ["auto", "always"])
def test_in_a_pipe_the_output_is_that_of_plain(kaito, model_server, color):
    arguments = ("chat", "--endpoint", model_server.url, "--color", color, "-m", "Hi")
    outcomes = []
    for name in ("plain", "markdown"):
        model_server.enqueue(Say(chunks=pieces(ANSWER, 3), reasoning="Hm."))
        outcomes.append(kaito(*arguments, "-o", name, plugins="rich"))
    assert [outcome.code for outcome in outcomes] == [0, 0]
    assert outcomes[0].out == outcomes[1].out == "Assistant: " + ANSWER


def test_kaito_plugins_lists_the_plugin(kaito):
    rows = json.loads(kaito("plugins", "-o", "json", plugins="rich").out)
    assert next(row for row in rows if row["name"] == "rich") == {
        "name": "rich",
        "distribution": "kaito-rich",
        "version": "0.1.0",
        "provides": ["formatter markdown"],
        "faults": [],
        "loaded": True,
    }
