"""A failed request in, what to do about it out: wait and send again, send something else, or give up.

Nothing here waits or sends: the caller passes the clock's reading in and acts on what comes back.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import Enum, auto

from msgspec import Struct, field

from kaito.errors import ConnectError, ForbiddenError, KaitoError, ModelError, NotFoundError, WindowError
from kaito.openai.error_responses import Kind, Refusal
from kaito.types import Waiting

#: Seconds after which a server that never answered is given up.
REFUSED_BUDGET = 3.0
#: Seconds after which an overloaded server, or one that has gone away in a running session, is given up.
BUSY_BUDGET = 60.0

_LONGEST_DELAY = 8.0


class ConnectFailure(Enum):
    """How a connection failed before the response's head."""

    REFUSED = auto()
    #: It stood, and was closed.
    CLOSED = auto()


class ServerCapabilities(Struct):
    """What a server has shown of itself, remembered from turn to turn."""

    #: Path prefixes to try, in order.
    prefixes: list[str] = field(default_factory=lambda: ["/v1", ""])
    #: Whether the server lets itself be asked for usage in a stream.
    tells_usage: bool = True
    #: Whether it has ever answered.
    answered: bool = False
    #: Tokens of the window, as a refusal told them, by the model that was asked for.
    windows: dict[str | None, int] = field(default_factory=dict)

    def prefer(self, prefix: str) -> None:
        """Try this prefix first: something answers there."""
        self.prefixes.sort(key=lambda known: known != prefix)
        self.answered = True

    def settle(self, prefix: str) -> None:
        """Remember the prefix under which there is a chat."""
        self.prefixes = [prefix]
        self.answered = True


class Recovery:
    """The decisions of one turn.

    Args:
        habits: what is known of the server; decisions that outlast the turn are written there.
        endpoint: the URL to show in errors.
        model: the model that is asked for, to show in errors.
        max_tokens: tokens that the answer may have at most.
        now: the clock's reading in seconds.
        jitter: returns a factor around 1 that spreads the retries of many clients.

    Attributes:
        can_trim: whether the caller can send less of the conversation: an answer's tokens are then not lowered to
            less than half of the window, and :class:`~kaito.errors.WindowError` is raised instead.
    """

    def __init__(
        self,
        habits: ServerCapabilities,
        endpoint: str,
        *,
        model: str | None,
        max_tokens: int | None,
        now: float,
        jitter: Callable[[], float] = lambda: random.uniform(0.75, 1.25),
    ) -> None:
        self.can_trim = False
        self._wanted = max_tokens
        self._left: int | None = None
        self._habits = habits
        self._endpoint = endpoint
        self._model = model
        self._started = now
        self._jitter = jitter
        self._tries = 0
        self._prefixes = list(habits.prefixes)
        self._reconnected = False

    @property
    def prefix(self) -> str:
        """The path prefix to use now."""
        return self._prefixes[0]

    @property
    def max_tokens(self) -> int | None:
        """The tokens of the answer to ask for now; `None` leaves them to the server."""
        if self._left is not None or self._wanted is None:
            return self._left
        window = self._habits.windows.get(self._model)
        if window is None or self._wanted < window:
            return self._wanted
        # So much is refused whatever the prompt; without a number a server gives what the prompt leaves.
        return _half(window) if self.can_trim else None

    @property
    def has_alternative(self) -> bool:
        """Whether another prefix is left to try."""
        return len(self._prefixes) > 1

    def after_loss(self, lost: ConnectFailure, words: str, now: float, *, kept: bool = False) -> Waiting:
        """Decide on a connection that failed before the response's head.

        Args:
            kept: the connection had served before, or is tunnelled: it may have been dead unseen.

        Raises:
            ConnectError: it is given up.
        """
        if lost is ConnectFailure.CLOSED:
            if kept and not self._reconnected:
                self._reconnected = True
                return Waiting(reason=words, delay=0.0)
            raise ConnectError(self._endpoint, words)
        if self._habits.answered:
            return self._wait(words, None, 0.25, BUSY_BUDGET, now)
        return self._wait(words, None, 0.25, REFUSED_BUDGET, now, longest=0.75)

    def after_refusal(self, refusal: Refusal, now: float, counted: int | None = None) -> Waiting:
        """Decide on a response that is no answer.

        Args:
            counted: tokens of the prompt as the server's tokenizer counts them, where its refusal has only a bound.

        Raises:
            KaitoError: the turn has failed.
        """
        match refusal.kind:
            case Kind.NO_ROUTE if self.has_alternative:
                self._prefixes.pop(0)
                return Waiting(reason=refusal.words, delay=0.0)
            case Kind.USAGE_ASKED if self._habits.tells_usage:
                self._habits.tells_usage = False
                return Waiting(reason=refusal.words, delay=0.0)
            case Kind.BUSY:
                words = f"the server is busy: {_quoted(refusal)}"
                return self._wait(words, refusal.retry_after, 1.0, BUSY_BUDGET, now)
            case Kind.WINDOW:
                self._shrink(refusal, counted)
                return Waiting(reason=refusal.words, delay=0.0)
        raise self._error(refusal)

    def _wait(
        self,
        words: str,
        asked: float | None,
        base: float,
        budget: float,
        now: float,
        longest: float = _LONGEST_DELAY,
    ) -> Waiting:
        if asked is None:
            delay = min(base * 2**self._tries, longest) * self._jitter()
        else:
            # Sooner than asked is rude; and "0" must not become a storm.
            delay = max(asked, base / 4) * max(self._jitter(), 1.0)
        elapsed = now - self._started
        if elapsed + delay > budget:
            asks = f"it asks to be left alone for {asked:.0f} s" if asked and asked > budget else ""
            tried = f"Gave up after {self._tries + 1} tries in {elapsed:.0f} s" if self._tries else ""
            raise ConnectError(self._endpoint, words, *(line for line in (asks, tried) if line))
        self._tries += 1
        return Waiting(reason=words, delay=delay)

    def _shrink(self, refusal: Refusal, counted: int | None) -> None:
        """Ask for what the window leaves, once.

        Raises:
            WindowError: the prompt alone fills the window, or leaves less than it may, or the smaller request was
                refused as well.
        """
        prompt, window = refusal.prompt_tokens if refusal.exact else counted, refusal.window
        # What was left to the server is no more than what is wanted.
        asked = self.max_tokens or self._wanted
        left, least = None, 1
        if window:
            self._habits.windows[self._model] = window
            least = _half(window) if self.can_trim else 1
            if prompt is not None:
                left = window - prompt
            elif self.can_trim or (asked is not None and asked >= window):
                left = _half(window)
            elif refusal.prompt_tokens is not None:
                # Without a count, a bound below the prompt's size: half of what it would leave is a fair second try.
                left = (window - refusal.prompt_tokens) // 2
        if self._left is not None or asked is None or left is None or not least <= left < asked:
            raise WindowError(prompt if prompt is not None else refusal.prompt_tokens, window)
        self._left = left

    def _error(self, refusal: Refusal) -> KaitoError:
        words = refusal.words
        match refusal.kind:
            case Kind.UNAUTHORIZED:
                hint = "Set KAITO_API_KEY, or name a file that holds the key with --api-key-file"
                return ForbiddenError(f"The model's server wants an API key: {_quoted(refusal)}", hint)
            case Kind.PROXY_UNAUTHORIZED:
                hint = "Put them into the proxy's URL in the environment"
                return ForbiddenError(f"The proxy wants credentials: {_quoted(refusal)}", hint)
            case Kind.FORBIDDEN:
                return ForbiddenError(f"The model's server does not allow this: {_quoted(refusal)}")
            case Kind.MODEL_UNKNOWN:
                return NotFoundError(f"The server has no model '{self._model}': {words}", _MODELS)
            case Kind.REDIRECT:
                told = f"The server redirects to {words} (HTTP {refusal.status}), which is not followed"
                return ConnectError(self._endpoint, told, "If that is the right place, give it with --endpoint")
            case Kind.NO_ROUTE | Kind.NOT_THE_MODEL:
                told = f"What answers there does not serve chat completions: {_quoted(refusal)}"
                return ConnectError(
                    self._endpoint, told, "Check the address; a proxy or a login page may stand before it"
                )
        return ModelError(_quoted(refusal), status=refusal.status)


_MODELS = "Without --model the first that the server lists is asked; /model lists all"


def _half(window: int) -> int:
    return max(window // 2, 1)


def _quoted(refusal: Refusal) -> str:
    return f"{refusal.words} (HTTP {refusal.status})"
