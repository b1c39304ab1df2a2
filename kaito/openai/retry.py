"""Decides what to do about a failed request: wait and send it again, send another one, or give up.

Nothing here waits or sends: the caller passes the time in and acts on the result.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from kaito.errors import ConnectError, KaitoError, WindowError
from kaito.net.retries import BUSY_BUDGET, MAX_DELAY, REFUSED_BUDGET
from kaito.openai.error_messages import error_for, quote
from kaito.openai.error_responses import REFUSED, ErrorKind, ErrorResponse
from kaito.types import ModelInfo, Waiting

#: The names that error responses use for the limit of an answer's tokens.
_MAX_TOKENS = ("max_tokens", "max_completion_tokens", "max_new_tokens")


#: Messages that may be about the length of a prompt.
_ABOUT_LENGTH = re.compile(r"token|length|context|window|too (?:long|large|many|big)|exceed", re.IGNORECASE)


class ServerCapabilities(Struct):
    """What earlier requests have shown about a server."""

    #: Path prefixes to try, in order.
    prefixes: list[str] = field(default_factory=lambda: ["/v1", ""])
    #: Whether it accepts `stream_options`, which ask for usage in a stream.
    stream_options: bool = True
    #: Whether it has ever answered.
    answered: bool = False
    #: Tokens of the context window, as error responses reported them, by the name of the requested model.
    windows: dict[str | None, int] = field(default_factory=dict)
    #: The names of the models that the server lists.
    models: list[str] = field(default_factory=list)
    #: The windows of these models, as the server lists them.
    listed: dict[str | None, int] = field(default_factory=dict)

    def note_models(self, models: Iterable[ModelInfo]) -> None:
        """Record the names and the windows of the models that the server lists."""
        self.models, self.listed = [], {}
        for info in models:
            self.models.append(info.name)
            if info.window is not None:
                self.listed[info.name] = info.window
                self.listed.setdefault(None, info.window)  # a request without a name is for the first

    def prefer(self, prefix: str) -> None:
        """Try this prefix first from now on: the server answers there."""
        self.prefixes.sort(key=lambda other: other != prefix)
        self.answered = True

    def settle(self, prefix: str) -> None:
        """Use only this prefix from now on: it serves chat completions."""
        self.prefixes = [prefix]
        self.answered = True


class Recovery:
    """The decisions of one turn.

    Args:
        server: what is known of the server; updated with what holds for later turns.
        max_tokens: the most tokens that the answer may have; `None` leaves it to the server.
        now: the clock's time in seconds.
        can_trim: whether the caller can send less of the conversation. An answer's tokens are then not reduced to
            less than half of the window, and :class:`~kaito.errors.WindowError` is raised instead.
        jitter: returns a factor around 1 that spreads the retries of many clients.
    """

    def __init__(
        self,
        server: ServerCapabilities,
        endpoint: str,
        *,
        model: str | None,
        max_tokens: int | None,
        now: float,
        can_trim: bool = False,
        jitter: Callable[[], float] = lambda: random.uniform(0.75, 1.25),
    ) -> None:
        self._server = server
        self._endpoint = endpoint
        self._model = model
        self._wanted_tokens = max_tokens
        self._reduced_tokens: int | None = None
        self._started = now
        self._can_trim = can_trim
        self._jitter = jitter
        self._tries = 0
        self._prefixes = list(server.prefixes)
        self._reconnected = False
        self._limited = False

    @property
    def prefix(self) -> str:
        """The path prefix to use now."""
        return self._prefixes[0]

    @property
    def max_tokens(self) -> int | None:
        """The most tokens to request for the answer; `None` to leave it to the server."""
        if self._reduced_tokens is not None or self._wanted_tokens is None:
            return self._reduced_tokens
        window = self._server.windows.get(self._model)
        if window is None or self._wanted_tokens < window:
            return self._wanted_tokens
        # The server would refuse as many for any prompt. Without a number, it allows as many as the prompt leaves.
        return _half(window) if self._can_trim else None

    @property
    def has_alternative(self) -> bool:
        """Whether another prefix is left to try."""
        return len(self._prefixes) > 1

    def after_no_response(self, reason: str, now: float, *, refused: bool, reused: bool = False) -> Waiting:
        """Decide about a connection that failed before a response arrived.

        Args:
            refused: whether the connection was refused; otherwise it was closed.
            reused: whether it had served an earlier request, or is tunnelled: it may have been dead since.

        Raises:
            ConnectError: no further try.
        """
        if not refused:
            if reused and not self._reconnected:
                self._reconnected = True
                return Waiting(reason=reason, delay=0.0)
            raise ConnectError(self._endpoint, reason)
        if self._server.answered:
            return self._wait(reason, None, 0.25, BUSY_BUDGET, now)
        return self._wait(reason, None, 0.25, REFUSED_BUDGET, now, max_delay=0.75)

    def after_error_response(self, response: ErrorResponse, now: float, counted: int | None = None) -> Waiting:
        """Decide about an error response.

        Args:
            counted: tokens of the prompt by the server's tokenizer, if :meth:`needs_count` asked for them.

        Raises:
            KaitoError: the turn failed.
        """
        response = self._by_numbers(response, counted)
        match response.kind:
            case ErrorKind.ANSWER_LIMIT if self._limit_answer(response.answer_limit):
                return Waiting(reason=response.message, delay=0.0)
            case ErrorKind.NO_ROUTE if self.has_alternative:
                self._prefixes.pop(0)
                return Waiting(reason=response.message, delay=0.0)
            case ErrorKind.STREAM_OPTIONS if self._server.stream_options:
                self._server.stream_options = False
                return Waiting(reason=response.message, delay=0.0)
            case ErrorKind.BUSY:
                reason = f"the server is busy: {quote(response)}"
                return self._wait(reason, response.retry_after, 1.0, BUSY_BUDGET, now)
            case ErrorKind.CONTEXT_WINDOW:
                self._reduce_tokens(response, counted)
                return Waiting(reason=response.message, delay=0.0)
        raise self.error(response)

    def _limit_answer(self, limit: int | None) -> bool:
        """Request no more than the limit of an answer, once. Return whether this is less than before."""
        if limit is None or self._limited or self.max_tokens is None or limit >= self.max_tokens:
            return False
        self._limited = True
        self._wanted_tokens = limit
        self._reduced_tokens = min(limit, self._reduced_tokens) if self._reduced_tokens is not None else None
        return True

    def _wait(
        self,
        reason: str,
        retry_after: float | None,
        base: float,
        budget: float,
        now: float,
        max_delay: float = MAX_DELAY,
    ) -> Waiting:
        if retry_after is None:
            delay = min(base * 2**self._tries, max_delay) * self._jitter()
        else:
            # Never sooner than the server asks, and not at once if it asks for 0 seconds.
            delay = max(retry_after, base / 4) * max(self._jitter(), 1.0)
        elapsed = now - self._started
        if elapsed + delay > budget:
            details = []
            if retry_after and retry_after > budget:
                details.append(f"The server asks to wait {retry_after:.0f} s before the next try")
            if self._tries:
                details.append(f"Gave up after {self._tries + 1} tries in {elapsed:.0f} s")
            raise ConnectError(self._endpoint, reason, *details)
        self._tries += 1
        return Waiting(reason=reason, delay=delay)

    def needs_count(self, response: ErrorResponse) -> bool:
        """Return whether the decision depends on the number of the prompt's tokens, which the server must count."""
        if response.kind is ErrorKind.CONTEXT_WINDOW:
            return response.window is not None and not self._is_exact(response)
        # A server that fails for another reason may be unable to count.
        silent = response.status == 500 and not _ABOUT_LENGTH.search(response.message)
        return not silent and self._may_be_too_long(response)

    def error(self, response: ErrorResponse) -> KaitoError:
        """Return the error for a response that is final."""
        if response.kind is ErrorKind.CONTEXT_WINDOW:
            return WindowError(response.prompt_tokens, self._window(response))
        return error_for(response, self._endpoint, self._model, self._server.models)

    def _may_be_too_long(self, response: ErrorResponse) -> bool:
        """Return whether a refusal with an unknown wording may be about the window that the server lists."""
        if response.kind is ErrorKind.ANSWER_LIMIT and self._listed is not None:
            # A limit that equals the window is the window.
            return (response.answer_limit or 0) >= self._listed
        kinds = (ErrorKind.OTHER, ErrorKind.NOT_JSON, ErrorKind.TOO_LARGE)
        return response.kind in kinds and response.status in REFUSED and self._listed is not None

    def _by_numbers(self, response: ErrorResponse, counted: int | None) -> ErrorResponse:
        """Decide by the window that the server lists whether a refused request was too long, whatever the message."""
        window = self._listed
        if window is None or not self._may_be_too_long(response):
            return response
        requested = self.max_tokens or 1
        about_answer = response.param in _MAX_TOKENS or requested >= window
        if counted is None:
            about_window = about_answer and self._reduced_tokens is None
        else:
            about_window = counted + requested > window
        if not about_window:
            return response
        return replace(response, kind=ErrorKind.CONTEXT_WINDOW, prompt_tokens=counted, window=window)

    @property
    def _listed(self) -> int | None:
        return self._server.listed.get(self._model)

    def _window(self, response: ErrorResponse) -> int | None:
        """Return the window that a response states, checked against the one that the server lists."""
        stated, listed = response.window, self._listed
        if stated is None or listed is None:
            return stated or listed
        # vLLM 0.15 states the window minus the tokens reserved for the answer.
        return listed if stated + (self.max_tokens or 0) == listed else stated

    def _is_exact(self, response: ErrorResponse) -> bool:
        """Return whether the number of the prompt's tokens is exact.

        vLLM since 0.16 stops counting at the first token that does not fit.
        """
        prompt, window = response.prompt_tokens, self._window(response)
        if prompt is None or window is None or not response.exact:
            return False
        return prompt != max(window - (self.max_tokens or self._wanted_tokens or 0), 0) + 1

    def _reduce_tokens(self, response: ErrorResponse, counted: int | None) -> None:
        """Request as many tokens as the window leaves for the answer, once.

        Raises:
            WindowError: the prompt alone fills the window, or leaves less than the answer may have, or the smaller
                request was refused as well.
        """
        window = self._window(response)
        prompt = counted if counted is not None or not self._is_exact(response) else response.prompt_tokens
        # If the server chooses the limit, it is at most what the user wants.
        requested = self.max_tokens or self._wanted_tokens
        left, least = None, 1
        if window:
            self._server.windows[self._model] = window
            least = _half(window) if self._can_trim else 1
            if prompt is not None:
                left = window - prompt
            elif self._can_trim:
                left = _half(window)
            elif requested is not None and (requested >= window or response.param in _MAX_TOKENS):
                left = min(_half(window), _half(requested))
            elif response.prompt_tokens is not None:
                # If only a lower bound of the prompt is known, half of the rest is a reasonable second attempt.
                left = (window - response.prompt_tokens) // 2
        if self._reduced_tokens is not None or requested is None or left is None or not least <= left < requested:
            raise WindowError(prompt if prompt is not None else response.prompt_tokens, window)
        self._reduced_tokens = left


def _half(window: int) -> int:
    return max(window // 2, 1)
