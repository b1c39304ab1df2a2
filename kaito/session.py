"""A conversation with an open endpoint: one turn in, its pieces out, the history kept."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct

from kaito.connect import open_endpoint
from kaito.conversation import Conversation
from kaito.errors import Interrupted, WindowError
from kaito.hookspecs import Backend
from kaito.loop import LoopThread
from kaito.openai.client import ChatClient
from kaito.plugins import Offered, Plugins
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Endpoint, ModelInfo, Reply, Reporter, Waiting


class Connection(Struct, frozen=True, kw_only=True):
    """An endpoint with its client and the models that it serves."""

    #: The name of the backend that opened the endpoint.
    backend: str
    endpoint: Endpoint
    client: ChatClient
    models: tuple[ModelInfo, ...]


@asynccontextmanager
async def connect(
    backends: Mapping[str, Offered[Backend]], plugins: Plugins, settings: Settings, reporter: Reporter
) -> AsyncIterator[Connection]:
    """Find a way to the model, open it and ask what it serves.

    Raises:
        KaitoError: there is no way in.
    """

    began: float | None = None

    def waiting(wait: Waiting) -> None:
        reporter.retrying(wait.reason, wait.delay)

    @asynccontextmanager
    async def talk(offered: Offered[Backend], endpoint: Endpoint) -> AsyncIterator[Connection]:
        nonlocal began
        async with AsyncExitStack() as stack:
            with plugins.guarding(offered.plugin, "the endpoint that it opened"):
                client = await stack.enter_async_context(ChatClient(endpoint, settings))
            reporter.status(f"connecting to {endpoint.label}")
            # What a refused connection may take holds for all ways together.
            began = time.monotonic() if began is None else began
            models = tuple(await client.models(waiting, since=began))
            yield Connection(backend=offered.value.name, endpoint=endpoint, client=client, models=models)

    async with open_endpoint(backends, plugins, settings, reporter, talk) as connection:
        yield connection


class Session:
    """The conversation as the shell sees it.

    Attributes:
        conversation: the history and what each request is made of.
        model: the model's name for the banner and `status`.
        reply: the last turn's answer, or what there was of it.

    Args:
        loop: where the client lives.
        connection: who answers.
        plugins: see the request before it is sent and the reply when it is complete.
        settings: what the user asked for.
        reporter: told when turns are dropped to fit the window.
        clock: returns seconds that never go back.
    """

    def __init__(
        self,
        loop: LoopThread,
        connection: Connection,
        plugins: Plugins,
        settings: Settings,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.settings = settings
        self.reply: Reply | None = None
        self._unsettled: tuple[ChatRequest, Reply, int] | None = None
        self._loop = loop
        self._plugins = plugins
        self._reporter = reporter
        self._clock = clock
        served = connection.models[0].name if connection.models else None
        asked = connection.endpoint.model or settings.target.model or served
        self.model = asked or connection.endpoint.preset or "unknown model"
        template = ChatRequest(
            messages=(),
            model=asked,
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=settings.max_tokens,
            stream=settings.stream,
        )
        self.conversation = Conversation(template, settings.system_prompt)

    def ask(self, text: str) -> Iterator[Delta | Waiting]:
        """Send a message; yield its answer's pieces, and each wait before they come.

        The turn becomes part of the conversation when its answer is complete, or when it is interrupted after its
        first word. :attr:`reply` is what arrived, in every case. Call :meth:`settle` when the answer has been shown.

        Raises:
            KaitoError: the turn failed and is not part of the conversation.
            Interrupted: Ctrl-C stopped the turn.
        """
        self.reply = None
        gathered = _Gathered(self._clock)
        skipping = 0
        try:
            while True:
                request = self._plugins.request(self.conversation.request(text, skipping=skipping), self.settings)
                try:
                    for item in self._loop.stream(self.connection.client.stream(request)):
                        if isinstance(item, Delta):
                            gathered.add(item)
                        yield item
                    break
                except WindowError:
                    if not self.settings.trim or gathered.begun or skipping == self.conversation.turns:
                        raise
                    skipping += 1
        except Interrupted:
            if gathered.content:
                self.conversation.record(text, "".join(gathered.content))
            raise
        finally:
            self.reply = gathered.reply()
        self.conversation.drop_oldest(skipping)
        self.conversation.record(text, self.reply.content)
        self._unsettled = (request, self.reply, skipping)

    def settle(self) -> None:
        """Tell what belongs after a complete answer: that turns were dropped, and the reply to the plugins."""
        if self._unsettled is None:
            return
        request, reply, dropped = self._unsettled
        self._unsettled = None
        if dropped:
            turns = "turn was" if dropped == 1 else f"{dropped} turns were"
            self._reporter.notice(f"The oldest {turns} dropped to fit the model's window (--trim)")
        self._plugins.reply(request, reply, self.settings)


class _Gathered:
    """What has arrived of an answer."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.content: list[str] = []
        self._reasoning: list[str] = []
        self._last = Delta()
        self._clock = clock
        self._started = clock()
        self._first: float | None = None

    @property
    def begun(self) -> bool:
        return self._first is not None

    def add(self, delta: Delta) -> None:
        if delta.content:
            self.content.append(delta.content)
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)
        if self._first is None and (delta.content or delta.reasoning):
            self._first = self._clock()
        last = self._last
        last.model = delta.model or last.model
        last.finish_reason = delta.finish_reason or last.finish_reason
        last.usage = delta.usage or last.usage

    def reply(self) -> Reply:
        last = self._last
        return Reply(
            content="".join(self.content),
            reasoning="".join(self._reasoning),
            model=last.model,
            finish_reason=last.finish_reason,
            usage=last.usage,
            first_token_s=None if self._first is None else self._first - self._started,
            total_s=self._clock() - self._started,
        )
