"""A conversation with an open endpoint: one turn in, its pieces out, the history kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from msgspec import Struct

from kaito.chat.conversation import Conversation, SavedConversation
from kaito.chat.reply_builder import ReplyBuilder
from kaito.endpoints.selection import open_endpoint
from kaito.errors import Interrupted, ModelError, UsageError, WindowError
from kaito.eventloop.base import Loop
from kaito.hookspecs import Backend
from kaito.openai.client import ChatClient
from kaito.plugin.manager import Offered, Plugins
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Endpoint, Message, ModelInfo, Reply, Reporter, Waiting

#: What arrives of an answer. To close it is to stop the answer.
Pieces = Generator[Delta | Waiting, None, None]

#: Seconds that a count of tokens may take, which is only asked for to be looked at.
COUNT_PATIENCE = 5.0
#: What a server answers that takes no request whose last message is the model's own.
_NOT_TAKEN = (400, 422)


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
        models: what the server serves, as it was last asked.
        trim: whether the oldest turns give way when the window is full.
        reply: the last turn's answer, or what there was of it.
        kept: whether it became part of the conversation, whole or as much as there was.
        resumed: the earlier conversation that this one goes on with.

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
        loop: Loop,
        connection: Connection,
        plugins: Plugins,
        settings: Settings,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.settings = settings
        self.trim = settings.trim
        self.models = connection.models
        self.reply: Reply | None = None
        self.kept = False
        self.resumed = SavedConversation()
        self._failed: tuple[str, bool] | None = None
        self._unsettled: tuple[ChatRequest, Reply, int] | None = None
        self._told_of_trimming = False
        self._writes_on = True
        self._loop = loop
        self._plugins = plugins
        self._reporter = reporter
        self._clock = clock
        served = self.models[0].name if self.models else None
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

    @property
    def window(self) -> int | None:
        """Tokens of the model's window, prompt and answer together; `None` when the server does not tell."""
        return next((info.window for info in self.models if info.name == self.model), None)

    # Between runs

    @property
    def past(self) -> SavedConversation:
        """The conversation, as a later run may go on with it."""
        talk = self.conversation
        return SavedConversation(
            messages=talk.messages,
            broke_off=talk.last is not None and talk.last.broke_off,
            workspace=self.connection.endpoint.label,
            model=self.model,
        )

    def resume(self, past: SavedConversation) -> None:
        """Go on with an earlier conversation."""
        self.resumed = past
        self.conversation.resume(past)

    # Turns

    def ask(self, text: str, *, replacing: bool = False) -> Pieces:
        """Send a message; yield its answer's pieces, and each wait before they come.

        The turn becomes part of the conversation when its answer is complete, or when it is interrupted after its
        first word; never when the answer has no word. :attr:`reply` is what arrived, in every case. Call
        :meth:`settle` when the answer has been shown.

        Args:
            text: the message.
            replacing: whether the turn takes the place of the last one, which stays if this one fails or is
                interrupted.

        Raises:
            KaitoError: the turn failed and is not part of the conversation.
            Interrupted: Ctrl-C stopped the turn.
        """
        talk = self.conversation

        def request(skipping: int) -> ChatRequest:
            return talk.request(text, skipping=skipping, replacing=replacing)

        def keep(reply: Reply) -> bool:
            # Strict templates refuse an answer without a word.
            if not reply.content.strip() or (replacing and reply.finish_reason is None):
                return False
            talk.record(text, reply, replacing=replacing)
            self._failed = None
            return True

        self._failed = (text, replacing)
        yield from self._turn(request, keep, talk.turns - replacing)

    @property
    def last_message(self) -> str | None:
        """What the user said last, answered or not; `None` when there is nothing in the conversation."""
        if self._failed is not None:
            return self._failed[0]
        return self.conversation.last.question.content if self.conversation.last else None

    def retry(self) -> Pieces:
        """Send the last message again as :meth:`ask` does: one that failed, else that of the turn it then replaces.

        Raises:
            UsageError: there is none.
        """
        if self.last_message is None:
            raise UsageError("There is no message to send again")
        return self.ask(self.last_message, replacing=self._failed is None or self._failed[1])

    def continue_answer(self) -> Pieces:
        """Have the model go on with its last answer, to which what comes is joined; otherwise as :meth:`ask`.

        Raises:
            UsageError: there is no answer, or it is complete.
        """
        last = self.conversation.last
        if last is None or not last.broke_off:
            raise UsageError("There is no answer that was cut", "/continue goes on with one that met a limit or Ctrl-C")
        return self._more(last.answer.content)

    def undo(self) -> str:
        """Take back the message that failed, else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """
        failed, self._failed = self._failed, None
        if failed is not None and not failed[1]:
            return failed[0]
        last = self.conversation.last
        if last is None:
            raise UsageError("There is no turn to take back")
        self.conversation.drop_last()
        return last.question.content

    def _more(self, before: str) -> Pieces:
        talk = self.conversation

        def join(reply: Reply, seam: str = "") -> bool:
            talk.extend(reply, seam=seam)
            return True

        def join_words(reply: Reply) -> bool:
            # Asked in so many words, a model begins with a word, and without the blank before it.
            return join(reply, " " if before[-1:].isalnum() and reply.content[:1].isalnum() else "")

        if self._writes_on:
            try:
                yield from self._turn(lambda skipping: talk.continuation_request(), join)
                return
            except ModelError as exc:
                if exc.status not in _NOT_TAKEN:
                    raise
        yield from self._turn(lambda skipping: talk.continuation_request(by_asking=True), join_words)
        self._writes_on = False

    def _turn(self, make: Callable[[int], ChatRequest], keep: Callable[[Reply], bool], droppable: int = 0) -> Pieces:
        """Yield the pieces of one turn.

        Args:
            make: returns the request, without so many of the oldest turns.
            keep: takes a reply into the conversation; returns whether it belongs there.
            droppable: turns that may be left out to fit the window.
        """
        self.reply, self.kept = None, False
        gathered = ReplyBuilder(self._clock)
        skipping, step = 0, 1
        try:
            while True:
                wanted = make(skipping)
                request = self._plugins.request(wanted, self.settings)
                can_trim = self.trim and skipping < droppable
                try:
                    for item in self._loop.stream(self.connection.client.stream(request, can_trim=can_trim)):
                        if isinstance(item, Delta):
                            gathered.add(item)
                        yield item
                    break
                except WindowError as exc:
                    if all(message.role != "assistant" for message in wanted.messages):
                        raise WindowError(exc.prompt_tokens, exc.window, alone=True) from None
                    if not can_trim or gathered.begun:
                        raise
                    surplus = self.conversation.turns_in(_surplus(exc, request.max_tokens), wanted, skipping=skipping)
                    # Where the numbers are missing, or mislead, the steps grow at first and halve what is left at last.
                    skipping += max(surplus, min(step, (droppable - skipping + 1) // 2))
                    skipping, step = min(skipping, droppable), step * 2
        except Interrupted:
            reply = gathered.reply()
            self.kept = bool(reply.content.strip()) and keep(reply)
            raise
        finally:
            self.reply = gathered.reply()
        self.kept = keep(self.reply)
        dropped = skipping if self.kept else 0
        self.conversation.drop_oldest(dropped)
        self._unsettled = (request, self.reply, dropped)

    def settle(self) -> None:
        """Tell what belongs after a complete answer: that turns were dropped, and the reply to the plugins."""
        if self._unsettled is None:
            return
        request, reply, dropped = self._unsettled
        self._unsettled = None
        if dropped and not self._told_of_trimming:
            self._told_of_trimming = True
            turns = "turn was" if dropped == 1 else f"{dropped} turns were"
            self._reporter.notice(
                f"The oldest {turns} dropped to fit the model's window (--trim); so will others be, as it fills"
            )
        self._plugins.reply(request, reply, self.settings)

    # What else there is to ask the server

    def list_models(self) -> tuple[ModelInfo, ...]:
        """Ask the server anew what it serves: adapters come and go.

        Raises:
            KaitoError: it cannot be reached.
            Interrupted: Ctrl-C.
        """

        def waiting(wait: Waiting) -> None:
            self._reporter.retrying(wait.reason, wait.delay)

        self._reporter.status("asking what the server serves")
        try:
            self.models = tuple(self._loop.run(self.connection.client.models(waiting)))
        finally:
            self._reporter.status("")
        return self.models

    def count_tokens(self) -> int | None:
        """Return the tokens of the conversation by the server's tokenizer; `None` where it does not tell in time.

        Raises:
            Interrupted: Ctrl-C.
        """
        request = self.conversation.template.replace(messages=self.conversation.messages)

        async def count() -> int | None:
            with suppress(TimeoutError):
                async with asyncio.timeout(COUNT_PATIENCE):
                    return await self.connection.client.count_tokens(request)
            return None

        self._reporter.status("counting the tokens")
        try:
            return self._loop.run(count())
        finally:
            self._reporter.status("")

    def use_model(self, name: str) -> None:
        """Ask this model from now on."""
        self.model = name
        self.conversation.template = self.conversation.template.replace(model=name)

    def clear(self) -> None:
        """Forget the history."""
        self.conversation.clear()
        self._failed = None
        self._told_of_trimming = False

    def replace(self, messages: Sequence[Message]) -> None:
        """Take these messages for what has been said.

        Raises:
            ValueError: they are not a system prompt, if any, and then question and answer in turn.
        """
        before = self.conversation.messages
        self.conversation.replace(messages)
        if _turns(before) != _turns(messages):
            # A message that failed belongs to what was said before it.
            self._failed = None


def _turns(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.role != "system"]


def _surplus(error: WindowError, max_tokens: int | None) -> float:
    """Return the share of a refused prompt that is too much, by the server's numbers; 0 when it tells none."""
    prompt, window = error.prompt_tokens, error.window
    if not prompt or not window:
        return 0
    # As much room as `Recovery` leaves to an answer.
    return (prompt + min(max_tokens or 1, window // 2) - window) / prompt
