"""Drives a formatter as a session of kaito does, and checks each text that it returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kaito.hookspecs import Formatter
from kaito.shell.render.sanitized import DeltaSanitizer, RequestSanitizer, sanitized_failure, sanitized_reply
from kaito.testing.contract.promises import broken
from kaito.types import ChatRequest, Delta, Failure, Message, Reply, Screen, Usage

#: The screens that a formatter has to cope with, by what they are.
SCREENS = {
    "a pipe": Screen(),
    "a pipe that cannot show every character": Screen(unicode=False),
    "a pipe with colours": Screen(colour=True),
    "a terminal": Screen(terminal=True, width=lambda: 80),
    "a terminal with colours": Screen(terminal=True, colour=True, width=lambda: 80),
}


class Answer(Struct, frozen=True):
    """An answer to format: its pieces, and the question."""

    deltas: Sequence[Delta]
    question: str = "What is the answer?"
    #: `None` for an answer that was cut or interrupted.
    finish_reason: str | None = "stop"
    #: The message of the error of a turn that failed.
    error: str = ""

    @property
    def reply(self) -> Reply:
        """The whole answer."""
        return Reply(
            content="".join(delta.content for delta in self.deltas),
            reasoning="".join(delta.reasoning for delta in self.deltas),
            tool_calls=next((delta.tool_calls for delta in self.deltas if delta.tool_calls), ()),
            model="test-model",
            finish_reason=self.finish_reason,
            usage=None if self.finish_reason is None else Usage(prompt_tokens=12, completion_tokens=3),
            first_token_s=0.25,
            total_s=1.5,
        )


def said(*pieces: str, finish_reason: str | None = "stop") -> Answer:
    """Return an answer with this text in these pieces."""
    return Answer([Delta(content=piece) for piece in pieces], finish_reason=finish_reason)


class FormatterSession:
    """A session with one formatter.

    Attributes:
        text: everything that was written.
        feeds: what `feed` returned for each piece of the last answer.
    """

    def __init__(self, formatter: Formatter) -> None:
        self.text = ""
        self.feeds: list[str] = []
        self._formatter = formatter
        self._unsanitized = getattr(type(formatter), "unsanitized", False)
        self._begun = False

    def answer(self, answer: Answer) -> str:
        """Format an answer; return its output."""
        request = ChatRequest(messages=(Message("user", answer.question),), model="test-model")
        reply, deltas = answer.reply, answer.deltas
        if not self._unsanitized:
            sanitizer = DeltaSanitizer()
            request, reply = RequestSanitizer().sanitized(request), sanitized_reply(reply)
            deltas = [sanitizer.feed(delta) for delta in deltas]
        self._begin()
        output = [self._call("begin_answer", request)]
        self.feeds = [self._call("feed", delta) for delta in deltas]
        output += [*self.feeds, self._fail(answer.error, reply) if answer.error else self._call("finish", reply)]
        return self._written("".join(output))

    def fail(self, error: str) -> str:
        """Format a line of a script that failed without a request; return its output."""
        self._begin()
        return self._written(self._fail(error, None))

    def _fail(self, error: str, reply: Reply | None) -> str:
        failure = Failure(message=error, hints=(error,), line=3, reply=reply)
        if getattr(self._formatter, "fail", None) is not None:
            return self._call("fail", failure if self._unsanitized else sanitized_failure(failure))
        return "" if reply is None else self._call("finish", reply)

    def _written(self, text: str) -> str:
        if text and not text.endswith("\n"):
            raise broken(f"the output of an answer must end with a newline, and ends with {text[-40:]!r}")
        self.text += text
        return text

    def close(self) -> str:
        """End the session; return everything that was written."""
        self._begin()
        self.text += self._call("end_session")
        if self.text and not self.text.endswith("\n"):
            raise broken(f"the output of a session must end with a newline, and ends with {self.text[-40:]!r}")
        return self.text

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self.text += self._call("begin_session")

    def _call(self, method: str, *arguments: ChatRequest | Delta | Reply | Failure) -> str:
        call = getattr(self._formatter, method, None)
        if call is None:
            return ""
        text: object = call(*arguments)
        if not isinstance(text, str):
            raise broken(f"{method} must return text, not {text!r}")
        return text


def written(formatter: Formatter, answers: Iterable[Answer]) -> str:
    """Return the output of a session with these answers."""
    session = FormatterSession(formatter)
    for answer in answers:
        session.answer(answer)
    return session.close()
