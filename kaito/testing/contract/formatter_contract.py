"""The suite for formatters: what `kaito.hookspecs.Formatter` promises, as tests."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from functools import partial

import hypothesis
from hypothesis import strategies as st

from kaito import hookimpl
from kaito.hookspecs import Formatter
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.testing.contract.base_contract import BaseContract
from kaito.testing.contract.formatter_session import SCREENS, Answer, FormatterSession, said, written
from kaito.testing.contract.own_output import no_output
from kaito.testing.contract.process_state import nothing_left
from kaito.testing.contract.promises import broken, promise
from kaito.testing.contract.proportional_time import takes_proportional_time
from kaito.testing.contract.sample_answers import (
    CONTROL_SEQUENCES,
    EMPTY,
    MARKS,
    ORDINARY,
    REASONED,
    SAMPLES,
    UNFINISHED,
    UNUSUAL,
    WORDS,
    missing_word,
)
from kaito.types import Delta, Screen, ToolCall
from kaito.util.sanitize import UNSAFE, sanitize

_COLOURS = re.compile(r"\x1b\[[\d;:]*m")
_LINKS = re.compile(r"\x1b\]8;[^\x07\x1b]*(\x07|\x1b\\)")


class FormatterContract(BaseContract):
    """Subclass it and define :meth:`make_formatter`; pytest runs the tests for your formatter.

    The clock that a formatter may show must not change its output between two runs: set it in a fixture.
    """

    #: What formatters are made with.
    settings = Settings()

    def make_formatter(self, screen: Screen, settings: Settings) -> Formatter:
        """Return a new formatter for a session."""
        raise NotImplementedError("Define make_formatter(self, screen, settings): it returns a new formatter")

    def test_kaito_offers_it(self) -> None:
        """Its class has a name and the methods that are needed, and is made with a screen and settings."""
        kind = type(self._make())

        class Plugin:
            @staticmethod
            @hookimpl
            def kaito_formatters() -> list[type[Formatter]]:
                return [kind]

        complaints: list[str] = []
        plugins = Plugins(complaints.append)
        plugins.add(Plugin, "plugin", "under-test", "")
        offered = plugins.formatters()
        promise(bool(offered), f"kaito does not offer it: {'; '.join(complaints)}")
        for name in ("unsanitized", "exclusive_stdout", "waits_for_end"):
            value = getattr(kind, name, False)
            promise(isinstance(value, bool), f"{name} must be True or False on the class, not {value!r}")
        try:
            kind(Screen(), self.settings)
        except TypeError as exc:
            raise broken(f"kaito makes it with a screen and settings: {exc}") from exc

    def test_all_text_is_returned(self) -> None:
        """When an answer is finished, all its text has been returned, in order."""
        for where, session in self._sessions():
            text = session.answer(said(*[f"{word} " for word in WORDS]))
            text += session.answer(said("\n\n".join(WORDS)))
            missing = missing_word([*WORDS, *WORDS], text)
            promise(missing is None, f"on {where}, the word {missing} of an answer is missing from {text[:300]!r}")

    def test_calls_of_tools_are_shown(self) -> None:
        """The name and the arguments of each call of a tool are in the output, with and without text before them."""
        calls = tuple(
            ToolCall(id=str(number), name=f"look_{number}", arguments=f'{{"at": {number + 1}}}')
            for number in (70001, 70003)
        )
        last = Delta(tool_calls=calls, finish_reason="tool_calls")
        for where, session in self._sessions():
            for deltas in ([Delta(content="Let me see."), last], [last]):
                output = session.answer(Answer(deltas, finish_reason="tool_calls"))
                missing = missing_word(WORDS[:4], output)
                promise(missing is None, f"on {where}, {missing} of a call of a tool is missing from {output!r}")

    def test_text_is_returned_as_it_arrives(self) -> None:
        """No word of plain prose is held back, unless the class sets `waits_for_end`: then all text is."""
        waits = getattr(type(self._make()), "waits_for_end", False)
        for where, session in self._sessions():
            session.answer(said(*[f"{word} " for word in WORDS]))
            shown = ""
            for number, text in enumerate(session.feeds):
                shown += text
                if waits:
                    promise(not text, f"waits_for_end is set, but feed returned {text!r} before the end, on {where}")
                    continue
                # The word that has just arrived may continue.
                missing = missing_word(WORDS[:number], shown)
                promise(
                    missing is None,
                    f"on {where}, the word {missing} is held back though {number + 1} words have arrived; "
                    "set waits_for_end if text cannot be returned before the answer is complete",
                )

    def test_the_split_does_not_matter(self) -> None:
        """However an answer is split into deltas, the output is the same, but for the colours of its parts."""
        for where in SCREENS:
            for marks in (MARKS, UNUSUAL):
                for text in ("".join(marks), "".join(f"a{mark}b " for mark in marks)):
                    for size in (1, 2, 3, 7):
                        self._check_split(where, "Hm", text, range(0, len(text), size))

        texts = st.lists(st.sampled_from((*MARKS, *UNUSUAL)) | st.text(max_size=4), max_size=25).map("".join)
        cuts = st.lists(st.integers(0, 120), max_size=12)

        @hypothesis.settings(max_examples=100, deadline=None, database=None)
        @hypothesis.given(st.sampled_from(list(SCREENS)), st.just("") | texts, texts, cuts)
        def check(where: str, reasoning: str, content: str, cuts: list[int]) -> None:
            self._check_split(where, reasoning, content, cuts)

        check()

    def _check_split(self, where: str, reasoning: str, content: str, cuts: Sequence[int]) -> None:
        if not self._unsanitized:
            reasoning, content = sanitize(reasoning), sanitize(content)
        whole = [Delta(reasoning=reasoning), Delta(content=content)]
        pieces = [
            *[Delta(reasoning=piece) for piece in _split(reasoning, cuts)],
            *[Delta(content=piece) for piece in _split(content, cuts)],
        ]
        screen = SCREENS[where]
        once, split = (_COLOURS.sub("", written(self._make(screen), [Answer(deltas)])) for deltas in (whole, pieces))
        promise(
            once == split, f"on {where}, the output depends on the split: {once!r} in one piece, {split!r} in several"
        )

    def test_an_answer_may_be_empty(self) -> None:
        """An answer without text is finished like any other."""
        for _, session in self._sessions():
            for answer in EMPTY:
                session.answer(answer)
            session.close()

    def test_an_answer_may_be_huge(self) -> None:
        """A single delta may hold a whole book."""
        text = " ".join(WORDS) + "\n"
        for where in ("a pipe", "a terminal with colours"):
            output = written(self._make(SCREENS[where]), [said(text * 600), said("x" * 200_000), said("\n" * 200_000)])
            missing = missing_word(WORDS * 600, output)
            promise(missing is None, f"on {where}, the word {missing} of a long answer is missing")

    def test_an_answer_may_contain_any_character(self) -> None:
        """Unusual characters are no reason to fail, at any place."""
        for _, session in self._sessions():
            for character in UNUSUAL:
                session.answer(said(character))
                session.answer(said("a", character, "b", character * 3))

    def test_an_answer_may_end_anywhere(self) -> None:
        """An answer that was cut or interrupted ends its line, and all its text is returned."""
        for where, session in self._sessions():
            for text in UNFINISHED:
                for length in range(1, len(text) + 1):
                    session.answer(said(*text[:length], finish_reason=None))
            # A formatter may leave out what was not completed, as a row of a table.
            output = session.answer(said(*[f"{word} " for word in WORDS[:20]], finish_reason=None))
            missing = missing_word(WORDS[:20], output)
            promise(
                missing is None or not output, f"on {where}, the word {missing} of an interrupted answer is missing"
            )
            session.close()

    def test_a_turn_may_fail_anywhere(self) -> None:
        """An answer that failed ends its line. A line of a script may also fail without a request."""
        for where, session in self._sessions():
            session.fail("it is no command")
            for text in ("", *UNFINISHED):
                session.answer(Answer([Delta(content=text)], finish_reason=None, error="the server stopped"))
                session.fail("it is no command")
            # An answer may also be complete, and fail its JSON schema.
            session.answer(Answer([Delta(content="{}")], error="it does not match"))
            text = session.answer(said(*[f"{word} " for word in WORDS]))
            missing = missing_word(WORDS, text)
            promise(missing is None, f"on {where}, the word {missing} of the answer after a failure is missing")
            session.close()

    def test_an_answer_does_not_depend_on_the_one_before(self) -> None:
        """What one answer left pending does not appear in the next."""
        for where, screen in SCREENS.items():

            def after(answer: Answer, screen: Screen = screen) -> tuple[str, str]:
                session = FormatterSession(self._make(screen))
                return session.answer(answer), session.answer(REASONED)

            _, expected = after(ORDINARY)
            failed = Answer([Delta(content="unfinished **bold")], finish_reason=None, error="it failed")
            for answer in (*SAMPLES, said(*"unfinished **bold", finish_reason=None), failed):
                before, output = after(answer)
                # Without output, a formatter that separates answers begins differently.
                promise(
                    not before or output == expected,
                    f"on {where}, after the answer {answer.reply.content!r} the output of the next one is {output!r}, "
                    f"not {expected!r}; begin_answer must forget the answer before",
                )

    def test_sessions_do_not_share_anything(self) -> None:
        """Two objects do not influence each other."""
        for where, screen in SCREENS.items():
            alone = written(self._make(screen), [ORDINARY, REASONED])
            sessions = [FormatterSession(self._make(screen)) for _ in range(2)]
            for answer in (ORDINARY, REASONED):
                for session in sessions:
                    session.answer(answer)
            for session in sessions:
                text = session.close()
                promise(text == alone, f"on {where}, a second session changes the output: {text!r}, not {alone!r}")

    def test_a_session_may_have_no_answers(self) -> None:
        """The beginning and the end of a session stand without answers, and are the same as with them."""
        for where, session in self._sessions():
            frame = session.close()
            promise(not UNSAFE.search(_bare(frame, SCREENS[where])), f"the frame {frame!r} contains control characters")
            again = written(self._make(SCREENS[where]), [])
            promise(frame == again, f"on {where}, two sessions without answers differ: {frame!r}, {again!r}")

    def test_control_sequences_are_not_passed_on(self) -> None:
        """Nothing that a model sends can control the terminal: escape it, if the class sets `unsanitized`."""
        for where, screen in SCREENS.items():
            for sequence in CONTROL_SEQUENCES:
                for pieces in ([f"a{sequence}b"], ["a", *sequence, "b"]):
                    call = ToolCall(id=sequence, name=f"look{sequence}", arguments=f'"{sequence}"')
                    answer = Answer(
                        [
                            *[Delta(reasoning=piece) for piece in pieces],
                            *[Delta(content=piece) for piece in pieces],
                            Delta(tool_calls=(call,)),
                        ],
                        question=f"What is {sequence}?",
                    )
                    session = FormatterSession(self._make(screen))
                    session.answer(answer)
                    session.answer(Answer(answer.deltas, finish_reason=None, error=f"no {sequence}"))
                    session.fail(f"no {sequence}")
                    text = session.close()
                    promise(
                        sequence not in text and not UNSAFE.search(_bare(text, screen)),
                        f"on {where}, {sequence!r} of an answer must not be in the output, which is {text!r}",
                    )

    def test_the_cursor_is_not_moved(self) -> None:
        """The only control sequences in the output are colours if they are wanted, and links on a terminal."""
        for where, screen in SCREENS.items():
            for answer in (ORDINARY, REASONED, said(*MARKS), *map(said, UNFINISHED)):
                text = written(self._make(screen), [answer])
                found = UNSAFE.search(_bare(text, screen))
                promise(found is None, f"on {where}, the output must not contain control sequences: {text!r}")

    def test_the_window_may_have_any_width(self) -> None:
        """The width may be tiny or huge, and changes when the window is resized."""
        widths = [1, 2, 3, 20, 80, 1000]
        answers = [ORDINARY, said(*[f"{word} " for word in WORDS]), said(*MARKS), said("\n".join(UNUSUAL))]
        for number, width in enumerate(widths):
            fixed = Screen(terminal=True, width=partial(int, width))
            text = written(self._make(fixed), answers)
            missing = missing_word(WORDS, text) if width > len(WORDS[0]) else None
            promise(missing is None, f"with {width} columns, the word {missing} is missing")
            resized = itertools.cycle([*widths[number:], *widths[:number]])
            written(self._make(Screen(terminal=True, colour=True, width=partial(next, resized))), answers)

    def test_the_time_is_proportional_to_the_text(self) -> None:
        """An answer that is eight times longer does not take 64 times as long."""
        screen = SCREENS["a terminal with colours"]
        texts: dict[str, Callable[[int], Answer]] = {
            "in as many pieces": lambda size: said(*["word "] * size),
            "in one piece": lambda size: said("word " * size),
            "as one word": lambda size: said(*["word"] * size),
            "with as many lines": lambda size: said(*["word\n"] * size),
        }
        for what, text in texts.items():
            takes_proportional_time(what, text, lambda answer: written(self._make(screen), [answer]))

    def test_it_writes_nothing_by_itself(self) -> None:
        """Only kaito writes: the methods return their text."""
        with no_output("a formatter"):
            self._run_everything()

    def test_it_leaves_nothing_behind(self) -> None:
        """A session leaves no open file, no thread, no temporary file."""
        self._run_everything()  # what is loaded once
        with nothing_left("a session must leave nothing behind"):
            self._run_everything()

    # Within

    @property
    def _unsanitized(self) -> bool:
        return bool(getattr(type(self._make()), "unsanitized", False))

    def _make(self, screen: Screen = SCREENS["a pipe"]) -> Formatter:
        return self.make_formatter(screen, self.settings)

    def _sessions(self) -> Sequence[tuple[str, FormatterSession]]:
        return [(where, FormatterSession(self._make(screen))) for where, screen in SCREENS.items()]

    def _run_everything(self) -> None:
        for screen in SCREENS.values():
            written(self._make(screen), SAMPLES)


def _split(text: str, cuts: Sequence[int]) -> list[str]:
    ends = sorted({cut for cut in cuts if cut < len(text)} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _bare(text: str, screen: Screen) -> str:
    """Return an output without the control sequences that are allowed on a screen."""
    if screen.colour:
        text = _COLOURS.sub("", text)
    # Many formats of files end their lines in this way.
    return _LINKS.sub("", text) if screen.terminal else text.replace("\r\n", "\n")
