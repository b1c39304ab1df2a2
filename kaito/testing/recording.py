"""A recorded session, played again: what a person does and sees, written as it stands on the screen."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kaito.testing.terminal_session import KEYS, TerminalSession

_MARK = re.compile(r"^(?P<again>↺+)|‹(?P<does>[^«»‹›\n]*)›|«(?P<typed>[^«»‹›]*)»|[«»‹›↺]", re.MULTILINE)
_SIZE = re.compile(r"([1-9]\d*)x([1-9]\d*)")
_ANYTHING = "…"


def play(
    session: TerminalSession,
    recording: str,
    /,
    *,
    code: int | None = None,
    timeout: float = 10.0,
    **actions: Callable[[], object],
) -> None:
    """Do what a recording says, and compare what is seen with what it shows.

    ::

        play(session, '''
            💬 Type your message (or 'quit' to exit):

            > «Helo»‹backspace›
            ↺> Hel«lo»‹enter›
            waiting for the model …‹open›
            ↺Assistant: Hello

            > ‹ctrl-d›
            👋 Goodbye!
            ''', code=0, open=gate.open)

    A recording is the session's transcript with these marks, each where it happens:

    - `«text»` is typed, and stands on the screen. After `‹paste›` it is pasted instead, and may have several lines.
    - `‹key›` presses a key of :data:`~kaito.testing.terminal_session.KEYS`: `‹enter›`, `‹ctrl-c›`, `‹up›`.
    - `‹type: text›` types what is not shown at once, as during an answer; `‹resize: 40x12›` sets the columns and rows.
    - `‹name›` calls what was given by that name, to open a gate, say, or to send a signal.
    - `↺` at the beginning of a line: this is what the line before it has become. `↺↺` takes the place of two.
    - `…` is any text within a line, but not none: seconds, a port, a path.

    At each mark the whole transcript has to become what is written so far, and at the end all of it; at the beginning
    of a line, the cursor has to be there, too. Marks that stand side by side are done in one go. Indentation that all
    lines share, the first line break, and blanks and empty lines at the end do not count. The marks' own characters
    cannot be shown; `…` stands for them.

    Args:
        session: the program on its terminal.
        recording: the transcript with its marks.
        code: the exit code with which the program shall have ended, negative for a signal; `None` does not wait for it.
        timeout: seconds for each mark, and for the end.
        actions: what `‹name›` calls.

    Raises:
        ValueError: the recording cannot be understood, or an action is not in it. Nothing has been done then.
        AssertionError: something else was seen; the message shows the difference, the screen and all bytes.
    """
    steps, end = read_recording(recording, actions)
    for step in steps:
        if step.seen is not None:
            _expect(session, _View(step.seen, f"before {step}", step.begins_line), timeout)
        match step.kind:
            case "type":
                session.type(step.what)
            case "paste":
                session.paste(step.what)
            case "press":
                session.press(step.what)
            case "resize":
                columns, rows = step.what.split("x")
                session.resize(int(columns), int(rows))
            case "call":
                actions[step.what]()
    view = _View(end, "at its end")
    _expect(session, view, timeout)
    if code is not None:
        ended = session.wait_exit(timeout)
        _expect(session, view, timeout)
        if ended != code:
            raise AssertionError(f"The exit code is {ended}, not {code}\n-- what is seen\n{session.transcript}")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a person does."""

    kind: Literal["type", "paste", "press", "resize", "call"]
    #: The text, the key's name, the size, or the action's name.
    what: str
    #: The transcript that has to be there before; `None` right after another step.
    seen: str | None
    #: Where it stands in the recording, counted from 1.
    line: int
    #: Whether it stands at the beginning of its line.
    begins_line: bool = False

    def __str__(self) -> str:
        text = f"«{self.what}»" if self.kind in ("type", "paste") else f"‹{self.what}›"
        return f"{text} in its line {self.line}"


def read_recording(recording: str, actions: Iterable[str] = ()) -> tuple[list[Step], str]:
    """Return what a recording has a person do, and the transcript at its end, where `…` still is any text.

    Args:
        recording: as :func:`play` takes it.
        actions: the names that it may call, and has to.

    Raises:
        ValueError: it cannot be understood.
    """
    text = textwrap.dedent(recording).removeprefix("\n")
    names = set(actions)
    if taken := sorted(names & {*KEYS, "paste"}):
        raise ValueError(f"‹{taken[0]}› has a meaning already: give the action another name")
    steps: list[Step] = []
    seen, place, done, pasting = "", 0, False, False
    for mark in _MARK.finditer(text):
        shown = text[place : mark.start()]
        seen, place = seen + shown, mark.end()
        line = text.count("\n", 0, mark.start()) + 1
        if pasting and (shown or mark["typed"] is None):
            raise ValueError(f"line {line}: after ‹paste› comes what is pasted: «…»")
        before = None if done and not shown else _trimmed(seen)
        begins_line = before is not None and seen.endswith("\n")
        if mark["again"]:
            seen = _taken_back(seen, len(mark["again"]), line)
            done = False
        elif (typed := mark["typed"]) is not None:
            if "\n" in typed and not pasting:
                raise ValueError(f"line {line}: a line break is typed by ‹enter›, or ‹paste› stands before")
            steps.append(Step("paste" if pasting else "type", typed, before, line, begins_line))
            seen += typed
            done = pasting = False
        elif mark["does"] is None:
            raise ValueError(f"line {line}: '{mark[0]}' is no mark here")
        elif mark["does"] == "paste":
            pasting, done = True, before is None
        else:
            steps.append(Step(*_meaning(mark["does"], names, line), before, line, begins_line))
            done = True
    if pasting:
        raise ValueError("after ‹paste› comes what is pasted: «…»")
    if unused := sorted(names - {step.what for step in steps if step.kind == "call"}):
        raise ValueError(f"‹{unused[0]}› is not in the recording")
    return steps, _trimmed(seen + text[place:])


def _meaning(words: str, names: set[str], line: int) -> tuple[Literal["type", "press", "resize", "call"], str]:
    verb, _, rest = words.partition(": ")
    if words in names:
        return "call", words
    if words in KEYS:
        return "press", words
    if verb == "type" and rest:
        return "type", rest
    if verb == "resize" and _SIZE.fullmatch(rest):
        return "resize", rest
    near = difflib.get_close_matches(words, [*names, *KEYS], n=1)
    hint = f"; did you mean ‹{near[0]}›?" if near else ""
    raise ValueError(f"line {line}: there is no key and no action ‹{words}›{hint}")


def _taken_back(seen: str, count: int, line: int) -> str:
    lines = seen.split("\n")
    if len(lines) <= count:
        raise ValueError(f"line {line}: {'↺' * count} takes the place of more lines than there are")
    return "\n".join([*lines[: -1 - count], ""])


def _trimmed(text: str) -> str:
    # As the transcript is: what is blank cannot be seen there.
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


@dataclass(frozen=True, slots=True, repr=False)
class _View:
    """What a recording shows at one place; called, whether a session does."""

    text: str
    place: str
    #: Whether the cursor is at the beginning of a line, as a line break alone cannot be seen in the transcript.
    begins_line: bool = False

    def __call__(self, session: TerminalSession) -> bool:
        return _matches(self.text, session.transcript) and not (self.begins_line and session.cursor[0])

    def __repr__(self) -> str:
        return f"what the recording shows {self.place}"

    def difference(self, transcript: str) -> Iterator[str]:
        """Yield the lines of a unified diff."""
        lines, expected = transcript.split("\n"), self.text.split("\n")
        unforeseen = [line for line in lines if line not in expected]
        for number, wanted in enumerate(expected):
            if _ANYTHING in wanted:
                expected[number] = next((line for line in unforeseen if _matches(wanted, line)), wanted)
        yield from difflib.unified_diff(expected, lines, "recording", "screen", lineterm="")


def _matches(wanted: str, text: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, wanted.split(_ANYTHING))), text) is not None


def _expect(session: TerminalSession, view: _View, timeout: float) -> None:
    try:
        session.wait_for(view, timeout)
    except AssertionError as error:
        difference = "\n".join(view.difference(session.transcript))
        raise AssertionError(f"{difference}\n{error}") from None
