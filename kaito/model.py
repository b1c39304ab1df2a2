"""The Python API: an asynchronous client with the backends, retries and redaction of the shell.

async with kaito.connect(workspace="my-llama", namespace="team-a") as model:
    print((await model.ask("What is Kubernetes?")).content)
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from kaito.chat.connection import Connection, open_connection
from kaito.chat.reply_builder import ReplyBuilder
from kaito.chat.session_settings import SessionSettings
from kaito.chat.structured_answers import parsed_reply
from kaito.endpoints.backend_choice import choose_backends
from kaito.errors import KaitoError, UsageError
from kaito.options import flag_values
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Plugins, create_plugins
from kaito.plugin.option_values import GivenOptions
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Message, ModelInfo, OptionGroup, Reply, Reporter
from kaito.types.message_checks import checked_messages
from kaito.types.targets import target_of
from kaito.util.program import program_name

_logger = logging.getLogger("kaito")

#: Check the arguments that are also flags.
_PARSERS: Mapping[str, Callable[[str], Callable[[str], str]]] = {
    "workspace": flag_values.workspace,
    "namespace": flag_values.namespace,
    "endpoint": flag_values.url,
}


class Model:
    """A model that is connected. Any number of requests may run at once. :func:`connect` creates it.

    Attributes:
        name: the model that is requested; `None` leaves the choice to the server.
        models: the models and adapters that the server lists; empty when it has no list.
        backend: the name of the backend that opened the endpoint.
        url: the URL of the requests, as it is shown.
    """

    def __init__(self, connection: Connection, plugins: Plugins, settings: Settings, reporter: Reporter) -> None:
        self.models: tuple[ModelInfo, ...] = connection.models
        self.name: str | None = connection.requested_model(settings)
        self.backend = connection.backend
        self.url = connection.endpoint.shown_url
        self._client = connection.client
        self._plugins = plugins
        self._settings = settings
        self._requests = SessionSettings(settings, (settings.output,))
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()
        self._closed = False

    @property
    def window(self) -> int | None:
        """The context window in tokens; `None` when it is not known."""
        return self._client.window(self.name)

    async def ask(self, messages: str | Message | Sequence[Message], **changes: Any) -> Reply:
        """Send messages and return the whole answer.

        Args:
            messages: the messages; a text is one message with the role `user`.
            changes: fields of the :class:`~kaito.ChatRequest`, such as `temperature=0.0`.

        Raises:
            KaitoError: the request failed, or the answer does not match the schema of the settings.
            UsageError: there is no message, the block of :func:`connect` has ended, or another event loop runs.
            TypeError: an argument has the wrong type.
        """
        builder = ReplyBuilder(time.monotonic)
        async for _ in self._stream(messages, {"stream": False, **changes}, builder):
            pass
        reply, schema = builder.reply(), self._settings.schema
        return reply if schema is None else parsed_reply(reply, schema)

    async def stream(self, messages: str | Message | Sequence[Message], **changes: Any) -> AsyncGenerator[Delta, None]:
        """Send messages and yield the answer as it arrives. The arguments and errors are those of :meth:`ask`.

        The answer is not checked against the schema of the settings. Closing the generator closes the connection, and
        the server then stops generating.
        """
        async with aclosing(self._stream(messages, changes, ReplyBuilder(time.monotonic))) as deltas:
            async for delta in deltas:
                yield delta

    async def count_tokens(self, messages: str | Message | Sequence[Message]) -> int | None:
        """Return how many tokens messages have, counted by the server; `None` if it cannot, or not in time."""
        request = self._request(messages)
        return await self._client.count_tokens(self._plugins.request(request, self._settings))

    async def _stream(
        self, messages: str | Message | Sequence[Message], changes: Mapping[str, Any], builder: ReplyBuilder
    ) -> AsyncGenerator[Delta, None]:
        request = self._request(messages).replace(**changes)
        request = self._plugins.request(request, self._settings)
        async with aclosing(self._client.stream(request)) as items:
            async for item in items:
                if isinstance(item, Delta):
                    builder.add(item)
                    yield item
                else:
                    self._reporter.retrying(item.reason, item.delay)
        self._plugins.reply(request, builder.reply(), self._settings)

    def _request(self, messages: str | Message | Sequence[Message]) -> ChatRequest:
        if self._closed:
            raise UsageError("The model is closed", "Use it within the 'async with' block that connected it")
        if asyncio.get_running_loop() is not self._loop:
            raise UsageError("The model is connected in another event loop", "Connect in each loop that asks it")
        return self._requests.request(_messages(messages), self.name)

    def _close(self) -> None:
        self._closed = True


@asynccontextmanager
async def connect(
    settings: Settings | None = None,
    *,
    workspace: str | None = None,
    namespace: str | None = None,
    endpoint: str | None = None,
    backend: str = "auto",
    model: str | None = None,
    context: str | None = None,
    wait: float | None = None,
    options: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> AsyncIterator[Model]:
    """Connect to a model as `kaito chat` does. Installed plugins are used; `KAITO_PLUGINS` limits them.

    Hooks run on the thread of the event loop. Warnings and progress are logged by the logger `kaito`, unless a reporter
    is given.

    Args:
        settings: all settings at once, in place of the arguments up to `wait`. Without it, the defaults of
            `kaito chat` apply, with the key in `KAITO_API_KEY`.
        workspace: the name of a Workspace, or `inferenceset/NAME`.
        namespace: the namespace; `None` for that of the kubeconfig's context.
        endpoint: the URL of any OpenAI-compatible server, in place of a workspace.
        backend: how to connect; `auto` tries all.
        model: the model or adapter to request; `None` for the first that the server lists.
        context: the context of the kubeconfig; `None` for the current one.
        wait: seconds to wait until the workspace is ready; `None` if it must be ready already.
        options: values of plugins' options, by names such as `redact_file`. A text is parsed like the value of a flag.
        reporter: receives progress and retries.

    An error that leaves the block has its hints as notes, which a traceback shows.

    Raises:
        UsageError: the arguments are not valid, or stand beside settings.
        TypeError: an argument has the wrong type.
        KaitoError: no endpoint can be used, or a plugin that may redact what is sent failed.
    """
    given: dict[str, Any] = {
        "workspace": workspace,
        "namespace": namespace,
        "endpoint": endpoint,
        "backend": backend if backend != "auto" else None,
        "model": model,
        "context": context,
        "wait": wait,
    }
    _check_types(settings, given, options)
    if settings is not None:
        if beside := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"connect() takes either settings or {', '.join(beside)}, not both")
    else:
        for name, parse in _PARSERS.items():
            if given[name] is not None:
                parse(name)(given[name])
        if wait is not None and not 0 <= wait < math.inf:
            raise UsageError(f"wait: {wait!r} is not a number of seconds from 0")
        target = target_of(workspace, namespace=namespace, endpoint=endpoint, model=model, context=context, wait=wait)
        settings = Settings(target=target, backend=backend, api_key=os.environ.get("KAITO_API_KEY") or None)
    reporter = reporter or _LogReporter()
    plugins = create_plugins(warn=_logger.warning, allowed=os.environ.get("KAITO_PLUGINS"))
    try:
        _set_options(plugins, options or {})
        async with open_model(settings, plugins, reporter) as connected:
            yield connected
    except KaitoError as exc:
        for hint in exc.shown_hints():
            if hint not in getattr(exc, "__notes__", ()):
                exc.add_note(hint)
        raise


@asynccontextmanager
async def open_model(settings: Settings, plugins: Plugins, reporter: Reporter) -> AsyncIterator[Model]:
    """Connect to a model, with plugins that are loaded and whose options are set.

    Raises:
        UsageError: the settings name no model, or contradict each other.
        KaitoError: no endpoint can be used, or a plugin that may redact what is sent failed.
    """
    backends = choose_backends(plugins, settings)
    plugins.check_protection()
    async with open_connection(backends, plugins, settings, reporter) as connection:
        reporter.status("")
        model = Model(connection, plugins, settings, reporter)
        try:
            yield model
        finally:
            model._close()


def _check_types(settings: Any, given: Mapping[str, Any], options: Any) -> None:
    """Check the arguments of :func:`connect`, as a wrong one would fail later and be blamed on a backend."""
    if not isinstance(settings, Settings | None):
        how = f"; name a workspace with workspace={settings!r}" if isinstance(settings, str) else ""
        raise TypeError(f"settings must be kaito.Settings, not {type(settings).__name__}{how}")
    for name, value in given.items():
        kind, shown = (int | float, "a number") if name == "wait" else (str, "text")
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} must be {shown}, not {type(value).__name__}")
    if not isinstance(options, Mapping | None):
        raise TypeError(f"options must be a mapping of names to values, not {type(options).__name__}")


def _messages(messages: Any) -> tuple[Message, ...]:
    if isinstance(messages, str):
        messages = (Message("user", messages),)
    if not isinstance(messages, Message | Iterable) or isinstance(messages, bytes):
        kind = type(messages).__name__
        raise TypeError(f"messages must be text, a kaito.Message, or a sequence of kaito.Message, not {kind}")
    taken = checked_messages((messages,) if isinstance(messages, Message) else messages)
    if not taken:
        raise UsageError("There is no message to send")
    return taken


def _set_options(plugins: Plugins, given: Mapping[str, Any]) -> None:
    """Set the values of plugins' options. A text is parsed like the value of a flag.

    Raises:
        UsageError: no plugin has such an option, or the plugin refuses the value.
    """
    unused = {name.removeprefix("--").replace("-", "_"): value for name, value in given.items()}
    taken: set[str] = set()
    refused: list[UsageError] = []

    def options_of(plugin: Plugin) -> OptionGroup:
        options = GivenOptions(plugin, unused, taken, refused)
        plugins.set_options(plugin, options.values.values)
        return options

    plugins.add_options("chat", options_of)
    if refused:
        raise refused[0]
    if unused:
        raise UsageError(f"options: no plugin has the option '{next(iter(unused))}'", f"See '{program_name()} plugins'")


class _LogReporter:
    def status(self, text: str) -> None:
        if text:
            _logger.debug("%s", text)

    def retrying(self, reason: str, delay: float) -> None:
        _logger.info("retrying in %.1f s: %s", delay, reason)

    def notice(self, text: str) -> None:
        _logger.warning("%s", text)
