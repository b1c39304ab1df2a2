"""Decides what to do about a failed request: wait and send it again, send another one, or give up.

Nothing here waits or sends: the caller passes the time in and acts on the result.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import Struct, field

from kaito.errors import ConnectError, ForbiddenError, KaitoError, ModelError, NotFoundError, WindowError
from kaito.net.proxies import proxy_credentials_required
from kaito.openai.error_responses import ErrorKind, ErrorResponse
from kaito.types import Waiting

#: Seconds after which a server that has never answered is given up.
REFUSED_BUDGET = 3.0
#: Seconds after which a busy server, or one that became unreachable during the session, is given up.
BUSY_BUDGET = 60.0

_MAX_DELAY = 8.0


class ServerCapabilities(Struct):
    """What is known of a server, from earlier turns."""

    #: Path prefixes to try, in order.
    prefixes: list[str] = field(default_factory=lambda: ["/v1", ""])
    #: Whether it accepts `stream_options`, which ask for usage in a stream.
    stream_options: bool = True
    #: Whether it has ever answered.
    answered: bool = False
    #: Tokens of the context window by the model that was requested, as reported in error responses.
    windows: dict[str | None, int] = field(default_factory=dict)

    def prefer(self, prefix: str) -> None:
        """Try this prefix first: the server answers there."""
        self.prefixes.sort(key=lambda other: other != prefix)
        self.answered = True

    def settle(self, prefix: str) -> None:
        """Use this prefix only: it serves chat completions."""
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

    @property
    def prefix(self) -> str:
        """The path prefix to use now."""
        return self._prefixes[0]

    @property
    def max_tokens(self) -> int | None:
        """The tokens of the answer to request now; `None` leaves them to the server."""
        if self._reduced_tokens is not None or self._wanted_tokens is None:
            return self._reduced_tokens
        window = self._server.windows.get(self._model)
        if window is None or self._wanted_tokens < window:
            return self._wanted_tokens
        # The server would refuse so many whatever the prompt. Without a number it gives what the prompt leaves.
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
            counted: tokens of the prompt by the server's tokenizer, where the response has only a lower bound.

        Raises:
            KaitoError: the turn failed.
        """
        match response.kind:
            case ErrorKind.NO_ROUTE if self.has_alternative:
                self._prefixes.pop(0)
                return Waiting(reason=response.message, delay=0.0)
            case ErrorKind.STREAM_OPTIONS if self._server.stream_options:
                self._server.stream_options = False
                return Waiting(reason=response.message, delay=0.0)
            case ErrorKind.BUSY:
                reason = f"the server is busy: {_quoted(response)}"
                return self._wait(reason, response.retry_after, 1.0, BUSY_BUDGET, now)
            case ErrorKind.CONTEXT_WINDOW:
                self._reduce_tokens(response, counted)
                return Waiting(reason=response.message, delay=0.0)
        raise self._error(response)

    def _wait(
        self,
        reason: str,
        retry_after: float | None,
        base: float,
        budget: float,
        now: float,
        max_delay: float = _MAX_DELAY,
    ) -> Waiting:
        if retry_after is None:
            delay = min(base * 2**self._tries, max_delay) * self._jitter()
        else:
            # Never sooner than the server asks; and "0" must not cause a flood of requests.
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

    def _reduce_tokens(self, response: ErrorResponse, counted: int | None) -> None:
        """Request what the window leaves, once.

        Raises:
            WindowError: the prompt alone fills the window, or leaves less than the answer may have, or the smaller
                request was refused as well.
        """
        prompt, window = response.prompt_tokens if response.exact else counted, response.window
        # What is left to the server is no more than what is wanted.
        requested = self.max_tokens or self._wanted_tokens
        left, least = None, 1
        if window:
            self._server.windows[self._model] = window
            least = _half(window) if self._can_trim else 1
            if prompt is not None:
                left = window - prompt
            elif self._can_trim or (requested is not None and requested >= window):
                left = _half(window)
            elif response.prompt_tokens is not None:
                # With a lower bound only: half of what it would leave is a fair second try.
                left = (window - response.prompt_tokens) // 2
        if self._reduced_tokens is not None or requested is None or left is None or not least <= left < requested:
            raise WindowError(prompt if prompt is not None else response.prompt_tokens, window)
        self._reduced_tokens = left

    def _error(self, response: ErrorResponse) -> KaitoError:
        message = response.message
        match response.kind:
            case ErrorKind.UNAUTHORIZED:
                hint = "Set KAITO_API_KEY, or pass a file that holds the key with --api-key-file"
                return ForbiddenError(f"The model's server requires an API key: {_quoted(response)}", hint)
            case ErrorKind.PROXY_UNAUTHORIZED:
                return proxy_credentials_required(_quoted(response))
            case ErrorKind.FORBIDDEN:
                return ForbiddenError(f"The model's server denied access: {_quoted(response)}")
            case ErrorKind.UNKNOWN_MODEL:
                hint = "Omit --model to use the first model that the server lists; /model lists all"
                return NotFoundError(f"The server has no model '{self._model}': {message}", hint)
            case ErrorKind.REDIRECT:
                reason = f"The server redirects to {message} (HTTP {response.status}); redirects are not followed"
                return ConnectError(self._endpoint, reason, "If that is the right address, pass it with --endpoint")
            case ErrorKind.NO_ROUTE | ErrorKind.NOT_JSON:
                reason = f"The server at this address does not serve chat completions: {_quoted(response)}"
                return ConnectError(self._endpoint, reason, _CHECK_ADDRESS)
        return ModelError(_quoted(response), status=response.status)


_CHECK_ADDRESS = "Check the address; a proxy or a login page may answer there"


def _half(window: int) -> int:
    return max(window // 2, 1)


def _quoted(response: ErrorResponse) -> str:
    return f"{response.message} (HTTP {response.status})"
