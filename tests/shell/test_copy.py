"""The clipboard: `/copy`, and the escape sequence."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.clipboard import LONGEST, clipboard_sequence
from kaito.errors import UsageError
from kaito.testing import Say, kaito_command, replay
from kaito.toolkit import code_blocks
from tests.shell.harness import ShellHarness


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code", []),
        ("```\na\n```", ["a"]),
        ("x\n```python\na\n\nb\n```\ny\n~~~\nc\n~~~\n", ["a\n\nb", "c"]),
        ("````\n```\nin\n```\n````", ["```\nin\n```"]),
        ("```\nunclosed\n", ["unclosed"]),
        ("   ```sh\n   a\n   ```", ["   a"]),
        ("`` `a` ``", []),
        ("```a`b\nno\n```", []),
    ],
)
def test_code_blocks(text, blocks):
    assert code_blocks(text) == blocks


@given(st.text())
def test_the_sequence_contains_the_text_encoded_and_nothing_else(text):
    for in_tmux in (False, True):
        try:
            sequence = clipboard_sequence(text, in_tmux=in_tmux)
        except UsageError:
            continue
        [encoded, *_] = re.findall(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\a", sequence)
        assert base64.b64decode(encoded) == text.encode("utf-8", "replace")
        assert sequence.count("\x1b") == (5 if in_tmux else 1)


def test_a_text_that_is_too_long():
    clipboard_sequence("x" * (LONGEST // 4 * 3))
    with pytest.raises(UsageError, match="too long for a terminal's clipboard"):
        clipboard_sequence("x" * LONGEST)


def test_copy_puts_the_answer_or_its_code_on_the_clipboard(terminal, model_server):
    model_server.enqueue(Say("Run this:\n```sh\nls é\n```\nor\n```\npwd\n```\n"))
    session = terminal(kaito_command("chat", "--endpoint", model_server.url))
    replay(
        session,
        """
        🤖 Connected to workspace: 127.0.0.1:… (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend url)

        > «/copy»‹enter›
        ❌ Error: There is no answer to copy

        > «hi»‹enter›
        Assistant: Run this:
        ```sh
        ls é
        ```
        or
        ```
        pwd
        ```

        > «/copy code»‹enter›
        Code block 2 of 2 was sent to the clipboard

        > «/copy code 1»‹enter›
        Code block 1 of 2 was sent to the clipboard

        > «/copy code 3»‹enter›
        ❌ Error: The last answer has 2 code blocks

        > «/copy this»‹enter›
        ❌ Error: /copy: 'this' is not 'code' or 'code NUMBER'

        > «/copy»‹enter›
        The answer was sent to the clipboard

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
    copied = [base64.b64decode(each).decode() for each in re.findall(rb"\x1b\]52;c;([^\a]*)\a", session.raw)]
    assert copied[:2] == ["pwd", "ls é"]
    assert copied[2].startswith("Run this:")


def test_copy_is_refused_from_a_pipe_and_without_a_terminal():
    harness = ShellHarness("a", "/copy", trusted=False)
    harness.run()
    assert "not from a pipe" in harness.err.getvalue()
    harness = ShellHarness("a", "/copy")
    harness.run()
    assert "There is no terminal whose clipboard could be used" in harness.err.getvalue()


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1 2", "²"])
def test_a_block_that_no_answer_can_have(number):
    harness = ShellHarness("a", f"/copy code {number}")
    harness.run()
    assert "is not 'code' or 'code NUMBER'" in harness.err.getvalue()
