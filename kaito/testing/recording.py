"""Replays a recorded session: a transcript of the screen, with marks for what the user types."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kaito.testing.terminal_session import KEYS, TerminalSession

_MARK = re.compile(r"^(?P<rewrite>↺+)|‹(?P<action>[^«»‹›\n]*)›|«(?P<typed>[^«»‹›]*)»|[«»‹›↺]", re.MULTILINE)
_SIZE = re.compile(r"([1-9]\d*)x([1-9]\d*)")
_ANYTHING = "…"


def replay(
    session: TerminalSession,
    recording: str,
    /,
    *,
    code: int | None = None,
    timeout: float = 60.0,
    **actions: Callable[[], object],
) -> None:
    """Perform the actions of a recording, and compare the screen with it.

    ::

        replay(session, '''
            💬 Type your message (or 'quit' to exit):

            > «Helo»‹backspace›
            ↺> Hel«lo»‹enter›
            waiting for the model …‹open›
            ↺Assistant: Hello

            > ‹ctrl-d›
            👋 Goodbye!
            ''', code=0, open=gate.open)

    A recording is the session's transcript with marks:

    - `«text»` is typed and appears on the screen. After `‹paste›` it is pasted and may have several lines.
    - `‹key›` presses a key in :data:`~kaito.testing.terminal_session.KEYS`: `‹enter›`, `‹ctrl-c›`, `‹up›`.
    - `‹type: text›` types text that does not appear at once, as during an answer.
    - `‹resize: 40x12›` sets the window's columns and rows.
    - `‹name›` calls the action of that name, for example to open a gate or to send a signal.
    - `↺` at the beginning of a line: this line replaces the previous one. `↺↺` replaces the previous two.
    - `…` matches any text within a line, but not an empty one: seconds, a port, a path.

    At each mark, `replay` waits until the whole transcript equals the recording so far, and at the end until it equals
    all of it. Before a mark at the beginning of a line, the cursor must be there, too. Adjacent marks are performed
    without waiting in between. Common indentation, the first line break, trailing blanks and empty lines at the end do
    not count. The characters of the marks cannot be shown; write `…` for them.

    Args:
        session: the program on its terminal.
        recording: the transcript with its marks.
        code: the expected exit code, negative for a signal; `None` does not wait for the program's exit.
        timeout: seconds to wait at each mark, and for the exit.
        actions: the functions for `‹name›`.

    Raises:
        ValueError: the recording is malformed, or does not use an action. Nothing was done.
        AssertionError: the screen differs; the message shows the difference, the screen and all bytes.
    """
    steps, end = read_recording(recording, actions)
    for step in steps:
        if step.before is not None:
            _expect(session, _Expected(step.before, f"before {step}", step.begins_line), timeout)
        match step.kind:
            case "type":
                session.type(step.value)
            case "paste":
                session.paste(step.value)
            case "press":
                session.press(step.value)
            case "resize":
                columns, rows = step.value.split("x")
                session.resize(int(columns), int(rows))
            case "call":
                actions[step.value]()
    expected = _Expected(end, "at its end")
    _expect(session, expected, timeout)
    if code is not None:
        actual = session.wait_exit(timeout)
        _expect(session, expected, timeout)
        if actual != code:
            raise AssertionError(f"The exit code is {actual}, not {code}\n-- screen\n{session.transcript}")


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the user."""

    kind: Literal["type", "paste", "press", "resize", "call"]
    #: The text, the key's name, the size, or the action's name.
    value: str
    #: The transcript before this step; `None` directly after another step.
    before: str | None
    #: The line of the recording, counted from 1.
    line: int
    #: Whether the mark is at the beginning of its line.
    begins_line: bool = False

    def __str__(self) -> str:
        text = f"«{self.value}»" if self.kind in ("type", "paste") else f"‹{self.value}›"
        return f"{text} in line {self.line}"


def read_recording(recording: str, actions: Iterable[str] = ()) -> tuple[list[Step], str]:
    """Return the steps of a recording and the transcript at its end, in which `…` still matches any text.

    Args:
        recording: see :func:`replay`.
        actions: the names that the recording must use.

    Raises:
        ValueError: the recording is malformed.
    """
    text = textwrap.dedent(recording).removeprefix("\n")
    names = set(actions)
    if taken := sorted(names & {*KEYS, "paste"}):
        raise ValueError(f"the name ‹{taken[0]}› is reserved: rename the action")
    steps: list[Step] = []
    transcript, position, adjacent, pasting = "", 0, False, False
    for mark in _MARK.finditer(text):
        shown = text[position : mark.start()]
        transcript, position = transcript + shown, mark.end()
        line = text.count("\n", 0, mark.start()) + 1
        if pasting and (shown or mark["typed"] is None):
            raise ValueError(f"line {line}: ‹paste› must be followed by the pasted text: «…»")
        before = None if adjacent and not shown else _trimmed(transcript)
        begins_line = before is not None and transcript.endswith("\n")
        if mark["rewrite"]:
            transcript = _without_last_lines(transcript, len(mark["rewrite"]), line)
            adjacent = False
        elif (typed := mark["typed"]) is not None:
            if "\n" in typed and not pasting:
                raise ValueError(f"line {line}: type a line break with ‹enter›, or put ‹paste› before the text")
            steps.append(Step("paste" if pasting else "type", typed, before, line, begins_line))
            transcript += typed
            adjacent = pasting = False
        elif mark["action"] is None:
            raise ValueError(f"line {line}: unexpected '{mark[0]}'")
        elif mark["action"] == "paste":
            pasting, adjacent = True, before is None
        else:
            steps.append(Step(*_parse_action(mark["action"], names, line), before, line, begins_line))
            adjacent = True
    if pasting:
        raise ValueError("‹paste› must be followed by the pasted text: «…»")
    if unused := sorted(names - {step.value for step in steps if step.kind == "call"}):
        raise ValueError(f"the recording does not use ‹{unused[0]}›")
    return steps, _trimmed(transcript + text[position:])


def _parse_action(text: str, names: set[str], line: int) -> tuple[Literal["type", "press", "resize", "call"], str]:
    verb, _, rest = text.partition(": ")
    if text in names:
        return "call", text
    if text in KEYS:
        return "press", text
    if verb == "type" and rest:
        return "type", rest
    if verb == "resize" and _SIZE.fullmatch(rest):
        return "resize", rest
    similar = difflib.get_close_matches(text, [*names, *KEYS], n=1)
    hint = f"; did you mean ‹{similar[0]}›?" if similar else ""
    raise ValueError(f"line {line}: unknown key or action ‹{text}›{hint}")


def _without_last_lines(transcript: str, count: int, line: int) -> str:
    lines = transcript.split("\n")
    if len(lines) <= count:
        raise ValueError(f"line {line}: {'↺' * count} replaces more lines than there are")
    return "\n".join([*lines[: -1 - count], ""])


def _trimmed(text: str) -> str:
    # A transcript has no trailing blanks either.
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


@dataclass(frozen=True, slots=True, repr=False)
class _Expected:
    """The transcript at one point of a recording. Called with a session, returns whether it matches."""

    text: str
    place: str
    #: Whether the cursor must be at the beginning of a line. The transcript does not show a line break at its end.
    begins_line: bool = False

    def __call__(self, session: TerminalSession) -> bool:
        return _matches(self.text, session.transcript) and not (self.begins_line and session.cursor[0])

    def __repr__(self) -> str:
        return f"the recording {self.place}"

    def difference(self, transcript: str) -> Iterator[str]:
        """Yield the lines of a unified diff."""
        lines, expected = transcript.split("\n"), self.text.split("\n")
        # A line that "…" matches is not a difference.
        unexpected = [line for line in lines if line not in expected]
        for number, pattern in enumerate(expected):
            if _ANYTHING in pattern:
                expected[number] = next((line for line in unexpected if _matches(pattern, line)), pattern)
        yield from difflib.unified_diff(expected, lines, "recording", "screen", lineterm="")


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, pattern.split(_ANYTHING))), text) is not None


def _expect(session: TerminalSession, expected: _Expected, timeout: float) -> None:
    try:
        session.wait_for(expected, timeout)
    except AssertionError as error:
        difference = "\n".join(expected.difference(session.transcript))
        raise AssertionError(f"{difference}\n{error}") from None
