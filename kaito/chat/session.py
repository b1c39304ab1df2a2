"""One chat session: sends turns to the model and keeps the conversation."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from kaito.chat.connection import Connection
from kaito.chat.continuations import CONTINUE_FINAL, PLEASE_CONTINUE, REFUSED, nothing_was_cut, separator
from kaito.chat.conversation import Conversation, SavedConversation
from kaito.chat.refused_requests import (
    add_next_steps,
    has_images,
    hint_at_images,
    hint_at_old_turns,
    stands_alone,
    surplus,
)
from kaito.chat.reply_builder import ReplyBuilder
from kaito.chat.session_settings import SessionSettings
from kaito.chat.structured_answers import parsed_reply
from kaito.chat.turn import outcome_of
from kaito.errors import Interrupted, KaitoError, ModelError, UsageError, WindowError
from kaito.eventloop.base import Loop
from kaito.plugin.manager import Plugins
from kaito.types import ChatRequest, Delta, Image, Message, ModelInfo, Reply, Reporter, Waiting

#: The pieces of an answer. Closing it stops the answer.
Pieces = Generator[Delta | Waiting, None, None]

#: What the status line shows while a turn waits for its answer, and while the server counts tokens.
WAITING, _COUNTING = "waiting for the model", "counting tokens"


class Session:
    """A conversation with one connection.

    Attributes:
        conversation: the history.
        model: the model's name for the banner and `status`.
        models: the models that the server listed last.
        request: the last turn's request as it was sent; `None` if it was not.
        reply: the last turn's answer, or the part that arrived.
        kept: whether that answer is part of the conversation.
        resumed: the earlier conversation that this one continues.
        line: the number of the script's line that runs now.
        typed: the text of the message that the user typed, or the arguments of the command that runs now.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        loop: Loop,
        connection: Connection,
        plugins: Plugins,
        settings: SessionSettings,
        reporter: Reporter,
        resumed: SavedConversation | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self.settings = settings
        self.models = connection.models
        self.request: ChatRequest | None = None
        self.reply: Reply | None = None
        self.kept = False
        self.resumed = resumed
        self.line: int | None = None
        self.typed = ""
        self.conversation = Conversation(settings.current.system_prompt, resumed)
        #: The message of a failed turn, and whether its answer would have replaced the last one.
        self._failed: tuple[Message, bool] | None = None
        #: The part of that turn's answer that arrived.
        self._partial = ""
        self._unreported: tuple[ChatRequest, Reply, int] | None = None
        self._reported_trimming = False
        self._continues_final = True
        #: Whether the model has answered a request with an image.
        self._takes_images = False
        #: Whether the last continuation was asked for by a message.
        self._asked_by_message = False
        self._builder = ReplyBuilder(clock)
        self._loop = loop
        self._plugins = plugins
        self._reporter = reporter
        self._clock = clock
        self._requested_model = connection.requested_model(settings.current)
        self.model = self._requested_model or connection.endpoint.preset or "unknown model"

    @property
    def window(self) -> int | None:
        """The model's context window in tokens, as listed or as an error reported it; `None` when it is not known."""
        listed = next((info.window for info in self.models if info.name == self.model), None)
        return listed or self.connection.client.window(self._requested_model)

    # Turns

    def ask(self, text: str, images: Sequence[Image] = (), *, replacing: bool = False) -> Pieces:
        """Send a message; yield the answer's pieces, and each wait for a retry before them.

        The turn is added to the conversation when its answer is complete, or when it is interrupted after the first
        word; never when the answer is empty, or fails the schema. :attr:`reply` holds what arrived in every case. Call
        :meth:`report_turn` after the answer was shown.

        Args:
            replacing: replace the last turn, which stays if this one fails or is interrupted.

        Raises:
            KaitoError: the turn failed and is not part of the conversation.
            Interrupted: Ctrl-C stopped the turn.
        """
        conversation, question = self.conversation, Message("user", text, images=tuple(images))

        def messages(skipping: int) -> tuple[Message, ...]:
            return conversation.messages_with(question, skipping=skipping, replacing=replacing)

        def keep(reply: Reply) -> bool:
            # Strict templates refuse an empty answer.
            if not (reply.content.strip() or reply.tool_calls) or (replacing and reply.finish_reason is None):
                return False
            conversation.record(question, reply, replacing=replacing)
            self._failed = None
            return True

        self._failed, self._partial = (question, replacing), ""
        try:
            yield from self._turn(messages, keep, droppable=conversation.turns - replacing)
        except KaitoError:
            self._partial = self.reply.content if self.reply is not None else ""
            raise

    @property
    def last_message(self) -> Message | None:
        """The user's last message, answered or not; `None` when there is none."""
        if self._failed is not None:
            return self._failed[0]
        return self.conversation.last.question if self.conversation.last else None

    def retry(self) -> Pieces:
        """Send a failed message again, or else replace the last turn; otherwise as :meth:`ask`.

        Raises:
            UsageError: there is no message.
        """
        message = self.last_message
        if message is None:
            raise UsageError("There is no message to send again")
        return self.ask(message.content, message.images, replacing=self._failed is None or self._failed[1])

    def continue_answer(self) -> Pieces:
        """Continue the last answer, which was cut or whose turn failed; otherwise as :meth:`ask`.

        Raises:
            UsageError: there is no answer, or it is complete.
        """
        if self._failed is not None and self._partial.strip():
            return self._continue_failed(*self._failed)
        last = self.conversation.last
        if last is None or not last.cut:
            raise nothing_was_cut()
        conversation = self.conversation

        def join(reply: Reply) -> bool:
            conversation.extend(reply, separator=self._separator(last.answer.content, reply))
            return True

        return self._continuation(conversation.messages, join)

    def undo(self) -> Message:
        """Remove the failed message, or else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """
        failed, self._failed = self._failed, None
        if failed is not None and not failed[1]:
            return failed[0]
        last = self.conversation.last
        if last is None:
            raise UsageError("There is no turn to undo")
        self.conversation.drop_last()
        return last.question

    def _continue_failed(self, question: Message, replacing: bool) -> Pieces:
        """Continue what arrived of a failed turn's answer; with the rest, the turn is added to the conversation."""
        conversation, before = self.conversation, self._partial

        def join(reply: Reply) -> bool:
            joined = replace(reply, content=before + self._separator(before, reply) + reply.content)
            conversation.record(question, joined, replacing=replacing)
            self._failed = None
            return True

        messages = (*conversation.messages_with(question, replacing=replacing), Message("assistant", before))
        try:
            yield from self._continuation(messages, join)
        except KaitoError:
            if self.reply is not None:
                self._partial = before + self._separator(before, self.reply) + self.reply.content
            raise

    def _separator(self, before: str, reply: Reply) -> str:
        """Return what to insert between an answer and its continuation, complete or not."""
        return separator(before, reply, asked_by_message=self._asked_by_message)

    def _continuation(self, messages: tuple[Message, ...], join: Callable[[Reply], bool]) -> Pieces:
        """Continue the answer that is the last of the messages.

        Args:
            messages: the last one is the answer's beginning.
            join: adds a reply to that answer, after :meth:`_separator`; returns whether it did.
        """
        begun = messages[-1].content
        self._asked_by_message = False
        if self._continues_final:
            try:
                yield from self._turn(lambda skipping: messages, join, begun=begun, extra=CONTINUE_FINAL)
                return
            except ModelError as exc:
                if exc.status not in REFUSED:
                    raise
        self._asked_by_message = True
        asked = (*messages, Message("user", PLEASE_CONTINUE))
        yield from self._turn(lambda skipping: asked, join, begun=begun)
        self._continues_final = False

    def _turn(
        self,
        messages: Callable[[int], tuple[Message, ...]],
        keep: Callable[[Reply], bool],
        *,
        begun: str = "",
        droppable: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> Pieces:
        """Yield the pieces of one turn.

        Args:
            messages: returns the request's messages, without the given number of oldest turns.
            keep: adds a reply to the conversation; returns whether it did.
            begun: the beginning of the answer that the reply continues, if it continues one.
            droppable: the number of turns that may be left out to fit the window.
        """
        self.request, self.reply, self.kept, self._unreported = None, None, False, None
        builder = self._builder = ReplyBuilder(self._clock, self.line)
        skipping, step = 0, 1
        try:
            while True:
                asked = messages(skipping)
                request = self.request = self._request(asked, extra)
                can_trim = self.settings.current.trim and skipping < droppable
                try:
                    stream = self.connection.client.stream(request, can_trim=can_trim, counting=self._show_counting)
                    for item in self._loop.stream(stream):
                        if isinstance(item, Delta):
                            if item.tool_calls and not request.extra.get("tools"):
                                item.tool_calls = ()  # the request offered no tools
                            builder.add(item)
                        yield item
                    break
                except WindowError as exc:
                    if stands_alone(asked):
                        raise WindowError(exc.prompt_tokens, exc.window, alone=True) from None
                    if not can_trim or builder.begun:
                        raise
                    over = surplus(exc, request.max_tokens)
                    count = self.conversation.turns_in(over, asked, skipping=skipping)
                    # Where the numbers are missing or wrong, the steps double, then halve what is left.
                    skipping += max(count, min(step, (droppable - skipping + 1) // 2))
                    skipping, step = min(skipping, droppable), step * 2
                except ModelError as exc:
                    hint_at_old_turns(exc, asked)
                    if not self._takes_images:
                        hint_at_images(exc, request.messages)
                    exc.hints = (*exc.hints, *self.settings.advice(exc))
                    add_next_steps(exc, self.connection.log_command(self.settings.current.target))
                    raise
        except Interrupted:
            reply = builder.reply()
            self.kept = bool(reply.content.strip()) and keep(reply)
            if self.kept:
                self._note_kept(request, continues=bool(begun))
            raise
        finally:
            self.reply = builder.reply()
        if (schema := self.settings.current.schema) is not None:
            self.reply = parsed_reply(self.reply, schema, begun + self._separator(begun, self.reply))
        self._takes_images = self._takes_images or has_images(request.messages)
        self.kept = keep(self.reply)
        dropped = skipping if self.kept else 0
        self.conversation.drop_oldest(dropped)
        self._note_kept(request, continues=bool(begun), dropped=dropped)

    def _note_kept(self, request: ChatRequest, *, continues: bool, dropped: int = 0) -> None:
        """Remember the answer that was kept, for :meth:`report_turn`."""
        last = self.conversation.last
        if self.kept and last is not None and last.reply is not None:
            reply = replace(last.reply, outcome=outcome_of(last.reply), continued=continues)
            self._unreported = (request, reply, dropped)

    def _request(self, messages: tuple[Message, ...], extra: Mapping[str, Any] | None = None) -> ChatRequest:
        request = self.settings.request(messages, self._requested_model)
        if extra:
            request = request.replace(extra={**request.extra, **extra})
        return self._plugins.request(request, self.settings.current)

    def _show_counting(self, active: bool) -> None:
        self._reporter.status(_COUNTING if active else WAITING)

    def arrived(self) -> Reply:
        """Return the part of the current answer that has arrived."""
        return self._builder.reply()

    def report_turn(self) -> None:
        """Report a turn that was kept, once it was shown: dropped turns to the user, the reply to the plugins."""
        if self._unreported is None:
            return
        request, reply, dropped = self._unreported
        self._unreported = None
        if dropped and not self._reported_trimming:
            self._reported_trimming = True
            turns = "turn was" if dropped == 1 else f"{dropped} turns were"
            self._reporter.notice(
                f"The oldest {turns} dropped to fit the model's window (--trim); more will be dropped as it fills"
            )
        self._plugins.reply(request, reply, self.settings.current)

    # Other requests to the server

    def list_models(self) -> tuple[ModelInfo, ...]:
        """Ask the server for its models again, as adapters may be loaded and unloaded.

        Raises:
            KaitoError: the server cannot be reached.
            Interrupted: Ctrl-C.
        """

        def report(wait: Waiting) -> None:
            self._reporter.retrying(wait.reason, wait.delay)

        self._reporter.status("listing the models")
        try:
            self.models = tuple(self._loop.run(self.connection.client.models(report)))
        finally:
            self._reporter.status("")
        return self.models

    def count_tokens(self) -> int | None:
        """Return the conversation's tokens by the server's tokenizer; `None` when it does not answer in time.

        Raises:
            KaitoError: a plugin refuses the request.
            Interrupted: Ctrl-C.
        """
        request = self._request(self.conversation.messages)
        self._reporter.status(_COUNTING)
        try:
            return self._loop.run(self.connection.client.count_tokens(request))
        finally:
            self._reporter.status("")

    def use_model(self, name: str) -> None:
        """Request this model from the next turn on."""
        self.model = self._requested_model = name
        self._takes_images = False

    def clear(self) -> None:
        """Remove the history."""
        self.conversation.clear()
        self._failed = None
        self._reported_trimming = False

    def resume(self, saved: SavedConversation) -> None:
        """Continue an earlier conversation in place of the current one."""
        self.resumed = saved
        self.conversation.resume(saved)
        self._failed = None
        self._reported_trimming = False

    def replace(self, messages: Sequence[Message]) -> None:
        """Replace the conversation.

        Raises:
            ValueError: the messages are not an optional system prompt and then user and assistant in turn.
        """
        before = self.conversation.messages
        self.conversation.replace(messages)
        if _turns(before) != _turns(messages):
            # A failed message belongs to the turns before it.
            self._failed = None


def _turns(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.role != "system"]
