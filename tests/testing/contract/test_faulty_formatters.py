"""The suite finds every fault that a formatter can have, and says what is wrong."""

import html
import os
import re
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

from kaito.hookspecs import Formatter
from kaito.testing.contract import FormatterContract, process_state
from kaito.testing.contract.process_state import ProcessState


class Good(Formatter):
    """Writes the answers between lines; every fault below is a change of it."""

    name = "good"

    def __init__(self, screen, settings):
        self.screen = screen
        self.last = "\n"

    def begin_session(self):
        return "<\n"

    def begin_answer(self, request):
        self.last = "\n"
        return ""

    def feed(self, delta):
        self.last = delta.content[-1:] or self.last
        return delta.content

    def finish(self, reply):
        end = "" if self.last == "\n" else "\n"
        return end + "".join(f"{call.shown}\n" for call in reply.tool_calls)

    def end_session(self):
        return ">\n"


def contract(kind):
    """Return the suite for a class of formatters."""

    class Contract(FormatterContract):
        def make_formatter(self, screen, settings):
            return kind(screen, settings)

    return Contract()


TESTS = sorted(name for name in vars(FormatterContract) if name.startswith("test_"))
FAULTS = {}


def fault(test, message):
    """Register a class whose fault a test finds."""

    def register(kind):
        assert test in TESTS
        FAULTS[kind.__name__] = (kind, test, message)
        return kind

    return register


@fault("test_kaito_offers_it", "kaito does not offer it: .*'Bad Name' is not a valid name")
class BadName(Good):
    name = "Bad Name"


@fault("test_kaito_offers_it", "kaito does not offer it: .*'good' lacks finish")
class WithoutFinish:
    name = "good"

    def __init__(self, screen, settings): ...

    def feed(self, delta):
        return ""


@fault("test_kaito_offers_it", "unsanitized must be True or False on the class, not 'yes'")
class Unclear(Good):
    unsanitized = "yes"  # type: ignore[assignment]


@fault("test_all_text_is_returned", "the word 70001 of an answer is missing")
class LosesTheFirstPiece(Good):
    def begin_answer(self, request):
        self.first = True
        return super().begin_answer(request)

    def feed(self, delta):
        first, self.first = self.first, False
        return "" if first else super().feed(delta)


@fault("test_all_text_is_returned", "the word 70060 of an answer is missing")
class LosesTheLastWord(Good):
    def begin_answer(self, request):
        self.held = ""
        return super().begin_answer(request)

    def feed(self, delta):
        before, self.held = self.held, delta.content
        return before

    def finish(self, reply):
        return "\n"


@fault("test_calls_of_tools_are_shown", "70001 of a call of a tool is missing from 'Let me see")
class HidesCalls(Good):
    def finish(self, reply):
        return "" if self.last == "\n" else "\n"


@fault(
    "test_text_is_returned_as_it_arrives", "the word 70001 is held back though 2 words have arrived; set waits_for_end"
)
class HoldsLines(Good):
    def begin_answer(self, request):
        self.line = ""
        return ""

    def feed(self, delta):
        text, newline, self.line = (self.line + delta.content).rpartition("\n")
        return text + newline

    def finish(self, reply):
        return self.line and self.line + "\n"


@fault("test_text_is_returned_as_it_arrives", "waits_for_end is set, but feed returned '70001 '")
class DoesNotWait(Good):
    waits_for_end = True


@fault("test_the_split_does_not_matter", "the output depends on the split")
class StripsPieces(Good):
    def feed(self, delta):
        return super().feed(delta).replace("\n\n", "\n")


@fault("test_an_answer_may_be_empty", "feed must return text, not None")
class ReturnsNone(Good):
    def feed(self, delta):
        return super().feed(delta) or None


@fault("test_an_answer_may_be_empty", "IndexError")
class LooksAtTheFirstCharacter(Good):
    def feed(self, delta):
        return delta.content[0] + delta.content[1:]


@fault("test_an_answer_may_be_huge", "RecursionError")
class Recurses(Good):
    def feed(self, delta):
        def walk(text):
            return text[0] + walk(text[1:]) if text else ""

        return walk(super().feed(delta))


@fault("test_an_answer_may_contain_any_character", "UnicodeEncodeError")
class ExpectsLatin(Good):
    def feed(self, delta):
        return super().feed(delta).encode("latin-1").decode("latin-1")


@fault("test_an_answer_may_end_anywhere", "the output of an answer must end with a newline, and ends with 'T'")
class LeavesALineOpen(Good):
    def finish(self, reply):
        return "" if reply.finish_reason is None else super().finish(reply)


@fault("test_an_answer_may_end_anywhere", "the word 70020 of an interrupted answer is missing")
class LosesWhatIsPending(LosesTheLastWord):
    def finish(self, reply):
        return (self.held if reply.finish_reason else "") + "\n"


@fault("test_an_answer_does_not_depend_on_the_one_before", "begin_answer must forget the answer before")
class Remembers(Good):
    pending = ""

    def begin_answer(self, request):
        return ""

    def feed(self, delta):
        text, self.pending = self.pending + delta.content, ""
        if text.endswith("*"):
            text, self.pending = text[:-1], "*"
        self.last = text[-1:] or self.last
        return text


@fault("test_sessions_do_not_share_anything", "a second session changes the output")
class SharesState(Good):
    count = [0]  # noqa: RUF012 that is the fault

    def begin_session(self):
        self.count[0] = 0
        return ""

    def finish(self, reply):
        self.count[0] += 1
        return f"\n{self.count[0]}\n"


@fault("test_a_session_may_have_no_answers", "AttributeError")
class NeedsAnAnswer(Good):
    def begin_answer(self, request):
        self.question = request.messages[-1].content
        return ""

    def end_session(self):
        return self.question + "\n"


@fault("test_a_session_may_have_no_answers", "the output of a session must end with a newline, and ends with '<")
class LeavesTheEndOpen(Good):
    def end_session(self):
        return "</end>"


@fault("test_control_sequences_are_not_passed_on", r"'\\x1b\[2J' of an answer must not be in the output")
class PassesThrough(Good):
    unsanitized = True


@fault("test_control_sequences_are_not_passed_on", r"of an answer must not be in the output")
class SanitizesPieces(Good):
    unsanitized = True

    def feed(self, delta):
        return re.sub(r"\x1b\[\d*J", "", super().feed(delta))


@fault("test_control_sequences_are_not_passed_on", r"of an answer must not be in the output")
class PassesTheQuestionThrough(Good):
    unsanitized = True

    def begin_answer(self, request):
        return request.messages[-1].content + "\n"

    def feed(self, delta):
        return ""


@fault("test_the_cursor_is_not_moved", "the output must not contain control sequences")
class Redraws(Good):
    def feed(self, delta):
        return "\r" + super().feed(delta)


@fault("test_the_cursor_is_not_moved", "on a pipe, the output must not contain control sequences")
class ColoursPipes(Good):
    def feed(self, delta):
        return f"\x1b[1m{super().feed(delta)}\x1b[0m"


@fault("test_the_window_may_have_any_width", "ValueError: invalid width")
class NeedsRoom(Good):
    def finish(self, reply):
        return "\n".join(textwrap.wrap(reply.content, self.screen.width() - 10)) + "\n"


@fault(
    "test_the_time_is_proportional_to_the_text",
    "a text that is 8 times longer, in as many pieces, takes .* times as long",
)
class FormatsAgain(Good):
    def begin_answer(self, request):
        self.text = self.done = ""
        return ""

    def feed(self, delta):
        before, self.text = self.done, self.text + delta.content
        self.done = html.escape(self.text).replace("\n", "<br>\n")
        return self.done[len(before) :]

    def finish(self, reply):
        return "\n"


@fault("test_the_time_is_proportional_to_the_text", "in one piece, takes .* times as long")
class SearchesAgain(Good):
    def feed(self, delta):
        text = super().feed(delta)
        for _ in re.finditer("word", text if len(text) > 1000 else ""):
            text.count("\x00")
        return text


@fault("test_it_writes_nothing_by_itself", "must not write to stdout or stderr by itself, and wrote 'The")
class Prints(Good):
    def feed(self, delta):
        print(delta.content, end="", flush=True)  # noqa: T201 that is the fault
        return super().feed(delta)


@fault("test_it_writes_nothing_by_itself", "wrote 'debug")
class WritesPastPython(Good):
    def finish(self, reply):
        os.write(2, b"debug")
        return super().finish(reply)


@fault("test_it_leaves_nothing_behind", r"there is an open file \(descriptor \d+\)")
class LeavesAFileOpen(Good):
    kept = []  # noqa: RUF012 that is the fault

    def begin_session(self):
        self.kept.append(open(__file__))  # noqa: SIM115 that is the fault
        return ""


@fault("test_a_turn_may_fail_anywhere", "the output of an answer must end with a newline, and ends with 'failed'")
class FailsWithinALine(Good):
    def fail(self, failure):
        return "failed"


@fault("test_a_turn_may_fail_anywhere", "AttributeError: 'NoneType' object has no attribute 'content'")
class ExpectsAReply(Good):
    def fail(self, failure):
        return f"failed after {len(failure.reply.content)} characters\n"


@fault("test_control_sequences_are_not_passed_on", "must not be in the output")
class QuotesTheErrorAsItIs(Good):
    unsanitized = True

    def feed(self, delta):
        return ""

    def fail(self, failure):
        return f"{failure.message}\n"


@fault("test_it_leaves_nothing_behind", "the temporary file 'kaito")
class LeavesATemporaryFile(Good):
    kept = []  # noqa: RUF012 that is the fault

    def begin_session(self):
        descriptor, path = tempfile.mkstemp(prefix="kaito")
        os.close(descriptor)
        self.kept.append(path)
        return ""


@fault("test_it_leaves_nothing_behind", "the thread 'flusher'")
class LeavesAThread(Good):
    stop = threading.Event()

    def end_session(self):
        threading.Thread(target=self.stop.wait, name="flusher", daemon=True).start()
        return ""


@fault("test_it_leaves_nothing_behind", "the variable LANGUAGE_OF_ANSWERS")
class SetsAVariable(Good):
    number = iter(range(sys.maxsize))

    def begin_session(self):
        os.environ["LANGUAGE_OF_ANSWERS"] = str(next(self.number))
        return ""


@pytest.fixture(autouse=True)
def clean_up(monkeypatch):
    monkeypatch.setenv("LANGUAGE_OF_ANSWERS", "")
    monkeypatch.setattr(process_state, "SETTLING", 0.1)
    threads = ProcessState.now().threads
    yield
    for file in LeavesAFileOpen.kept:
        file.close()
    for path in LeavesATemporaryFile.kept:
        Path(path).unlink(missing_ok=True)
    LeavesAThread.stop.set()
    for thread in ProcessState.now().threads - threads:
        thread.join()
    LeavesAThread.stop.clear()


def found(test):
    """Return the failure of a test."""
    try:
        test()
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    return "nothing"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name):
    kind, test, message = FAULTS[name]
    assert re.search(message, found(getattr(contract(kind), test)))


@pytest.mark.parametrize("test", TESTS)
def test_every_promise_is_tested_by_a_fault(test):
    assert test in {found for _, found, _ in FAULTS.values()}
    getattr(contract(Good), test)()


def test_the_factory_must_be_defined():
    with pytest.raises(NotImplementedError, match="Define make_formatter"):
        FormatterContract().test_an_answer_may_be_empty()
