"""The hooks: what a plugin can add to kaito. This module is the public contract.

A plugin is a module, or an object, whose functions are marked with `kaito.hookimpl`. It is loaded from an entry point
in the group `kaito`, or with `--plugin MODULE_OR_FILE`. A plugin implements any of the hooks; a function may leave out
arguments that it does not need.

Rules for all hooks:

- Hooks run on the main thread and should be quick. Only `kaito_request` and `kaito_reply` may do I/O; the objects that
  the other hooks return do the work later.
- Every plugin's hook is called: the built-in plugins first, then the others by name; those with `tryfirst` before all
  others, those with `trylast` after them. `specname` and `optionalhook` work as in pluggy. There are no first-result
  hooks and no wrappers, as each implementation is called by itself.
- A hook is a plain function. One that is `async def`, a wrapper, unknown, or takes an unknown argument is left out.
- A plugin that cannot be imported is not loaded. A hook that raises an exception is not called again, and a value that
  is not as documented is ignored. A message on stderr names the plugin and its distribution, and the rest of the plugin
  works.
- A plugin that implements `kaito_request` may remove secrets from what is sent. When such a plugin fails in any way
  before the first turn, or cannot be loaded, nothing is sent and the run ends with exit code 1, unless `KAITO_PLUGINS`
  leaves it out. A plugin that cannot be loaded counts as such if its files contain `kaito_request` or cannot be read.
- What a plugin prints is written to stderr with its name: stdout is for the answers.
- `--verbose` shows each call of a plugin's hook, with the time that it took and its result.
- When two plugins offer the same name (of a backend, a formatter or a slash command), the first one keeps it and the
  other is reported on stderr.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from kaito.settings import Settings
    from kaito.types import (
        Candidate,
        ChatRequest,
        Command,
        Delta,
        Endpoint,
        Failure,
        OptionGroup,
        Reply,
        Reporter,
        Screen,
        SlashCommand,
        Target,
    )

hookspec = pluggy.HookspecMarker("kaito")
#: Marks a function as an implementation of the hook with its name.
hookimpl = pluggy.HookimplMarker("kaito")


class Backend(Protocol):
    """Discovers and opens endpoints. Return it from :func:`kaito_backends`.

    Subclass it, or write any class with these attributes; those with a default here may be left out.

    A backend that holds resources, such as a connection, may also be an asynchronous context manager: it is entered in
    the event loop before `discover`, and left after its endpoint was closed.

    A backend that reports nothing for 35 seconds while it discovers or opens an endpoint is abandoned, as is one that
    takes more than five seconds to close it. Long work, such as a download, must report its progress with
    :meth:`~kaito.types.Reporter.status`.

    It may also have a text `about`, such as `the machines of the lab`, which `kaito plugins` shows.
    """

    #: The value of `--backend`.
    name: str
    #: Whether it needs `--workspace-name`. `False` for a backend with one fixed endpoint.
    needs_workspace: bool = True
    #: Whether it opens the URL of `--endpoint`: it is asked if one is given, and only then.
    takes_endpoint: bool = False

    @abstractmethod
    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the endpoints for `target`; none if this backend does not apply.

        Called in the event loop, at the same time as the other backends' when `--backend auto` chooses, and cancelled
        when another backend's endpoint is used. It must leave nothing open: connections that last belong in
        :meth:`open`, or in the context of the backend itself.

        Raises:
            KaitoError: the backend applies but has no endpoint; the message is shown with what was tried.
        """

    @abstractmethod
    def open(self, candidate: Candidate, reporter: Reporter) -> AbstractAsyncContextManager[Endpoint]:
        """Open an endpoint that this backend discovered; leaving the context closes it.

        The context lasts as long as the conversation. It is entered and left in the same event loop. If a connection
        breaks in between, the backend must repair it: the next request must reach the server again.

        Raises:
            KaitoError: the endpoint cannot be opened.
        """


class Formatter(Protocol):
    """Formats the answers of a session. Return the class from :func:`kaito_formatters`.

    Subclass it, or write any class with these attributes; those with a default here may be left out. A session creates
    one object of the class, and `/format NAME` another one. The methods return the text to write to stdout, `""` for
    none. It is written at once, in this order::

        begin_session                       # before the first answer, or at the end of a session without one
            begin_answer  feed …  finish    # for each answer
            begin_answer  feed …  fail      # for each answer that failed
            fail                            # for each line of a script that failed without a request
        end_session

    Text that was written is never changed: a formatter may use colours, but must not move the cursor. It must not write
    to stdout or stderr itself.

    The text that it receives contains no control sequences, neither in deltas nor in requests and replies, unless the
    class sets `unsanitized`. When a method raises, or returns anything but text, a message names the plugin and the
    formatter is not called again: `plain` takes its place from the beginning of that answer, or the turn fails if the
    class sets `exclusive_stdout`.

    Args:
        screen: what is known about stdout.
        settings: the settings at the time, with the plugin's own options. Later changes by `/set` are not visible.
    """

    #: The value of `-o`.
    name: str
    #: Whether it receives the model's text with its control sequences. Such a formatter must escape them, and never
    #: return that text unchanged.
    unsanitized: bool = False
    #: Whether a program reads its output, so that only answers may be written to stdout: the output of commands goes to
    #: stderr, and a failure of the formatter ends the run with exit code 1.
    exclusive_stdout: bool = False
    #: Whether it returns nothing before the answer is complete. All others return text as it arrives.
    waits_for_end: bool = False

    def __init__(self, screen: Screen, settings: Settings) -> None: ...

    def begin_session(self) -> str:
        """Return the text before all answers, such as the header of a table.

        Called once, before the first answer or failure, or at the end of a session without them; never when no endpoint
        could be opened.
        """
        return ""

    def begin_answer(self, request: ChatRequest) -> str:
        """Return the text before one answer, and forget the previous answer.

        Called when the first piece of the answer has arrived, or when the turn failed before that. When no request was
        sent, neither this nor `finish` is called.

        Args:
            request: the request as it was sent, after all plugins' `kaito_request`.
        """
        return ""

    @abstractmethod
    def feed(self, delta: Delta) -> str:
        """Return the text for one piece of the answer. The output must not depend on how the answer is split."""

    @abstractmethod
    def finish(self, reply: Reply) -> str:
        """Return the rest of the answer. The whole text of an answer, if any, must end with a newline.

        The calls of tools are in `reply.tool_calls`. Show each of them, for example as
        :attr:`~kaito.types.ToolCall.shown`.

        Called once for each answer, also for one that was cut or interrupted (`reply.finish_reason` is `None`). In a
        script, `reply.line` is the line that asked for it.
        """

    def fail(self, failure: Failure) -> str:
        """Return the rest of an answer that failed, or the text for a line of a script that failed without an answer.

        By default, an answer that failed is finished like one that was interrupted, and nothing is written for other
        failures. The error itself is on stderr. A format with a row for each line of a script returns that row here.

        Called in place of `finish` when a turn failed. In a script, it is also called for a line that failed before a
        request was sent (a command, or a message that a plugin refused), without a call of `begin_answer`.
        """
        return "" if failure.reply is None else self.finish(failure.reply)

    def end_session(self) -> str:
        """Return the text after all answers, such as the end of a page.

        Called once, also after a failure, Ctrl-C or SIGTERM; not called when stdout was closed, or on a second Ctrl-C.
        """
        return ""


@hookspec
def kaito_add_options(command: str, options: OptionGroup) -> None:
    """Add command-line options.

    Called once at start-up, before the arguments of the command are parsed. When the configuration file has keys that
    this command does not have, it is called again, for this command and for `chat`, only to learn the names of flags.

    Args:
        command: the subcommand, such as `chat`.
        options: has :meth:`~kaito.types.OptionGroup.add`. Read the values later with :meth:`Settings.option`. Adding a
            flag that exists is an error. A plugin sees the values of its own flags only.

    Example::

        from kaito import hookimpl

        @hookimpl
        def kaito_add_options(options):
            options.add("--team", metavar="NAME", default="all", help="Whose words to hide")
    """


@hookspec
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer backends.

    Called once, after the command line was parsed. Endpoints are discovered later, by :meth:`Backend.discover`.

    Args:
        settings: the options of the run.

    Returns:
        Objects with the attributes of :class:`Backend`.

    Example::

        from contextlib import asynccontextmanager
        from kaito import Backend, Candidate, Endpoint, hookimpl

        class Lab(Backend):
            name = "lab"
            needs_workspace = False

            async def discover(self, target, reporter):
                return [Candidate(backend="lab", url="http://lab:8000")]

            @asynccontextmanager
            async def open(self, candidate, reporter):
                yield Endpoint(url=candidate.url, shown_url=candidate.url, label="lab")

        @hookimpl
        def kaito_backends():
            return [Lab()]
    """
    return ()


@hookspec
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Offer output formats.

    Called once, after the command line was parsed and before anything is contacted, and when `-o` is completed.

    Returns:
        Classes with the attributes of :class:`Formatter`.

    Example::

        from kaito import Formatter, hookimpl

        class Loud(Formatter):
            name = "loud"

            def feed(self, delta):
                return delta.content.upper()

            def finish(self, reply):
                return "\\n"

        @hookimpl
        def kaito_formatters():
            return [Loud]
    """
    return ()


@hookspec
def kaito_slash_commands(settings: Settings) -> Iterable[SlashCommand]:
    """Offer commands that are typed as `/name arguments`.

    Called once, after the command line was parsed.

    Args:
        settings: the options of the run.

    Returns:
        Commands. When one raises :class:`~kaito.errors.KaitoError`, its message is shown; any other exception is shown
        as a failure of the plugin. The shell continues in both cases.

    Example::

        from kaito import SlashCommand, hookimpl

        def shout(text, shell):
            "Send a message in capitals."
            shell.ask(text.upper())

        @hookimpl
        def kaito_slash_commands():
            return [SlashCommand(name="shout", run=shout, arguments="TEXT")]
    """
    return ()


@hookspec
def kaito_commands() -> Iterable[Command]:
    """Offer subcommands: `kaito NAME`.

    Called once when a subcommand runs or is completed, after its plugin was loaded, and by `kaito plugins`. A plugin
    that adds a subcommand is installed with an entry point in the group `kaito.commands` that has the subcommand's
    name: `kaito --help` lists these names, and only the one that runs is imported. `--plugin` works, too.

    Returns:
        Commands. When one raises :class:`~kaito.errors.KaitoError`, its message is shown, and its exit code is
        returned; any other exception is shown as a failure of the plugin, with exit code 1.

    Example::

        from kaito import Command, hookimpl

        def run(context):
            context.write_object({"hello": "world"})

        @hookimpl
        def kaito_commands():
            return [Command(name="hello", summary="Greet the world", outputs=("json",), run=run)]
    """
    return ()


@hookspec
def kaito_request(request: ChatRequest, settings: Settings) -> ChatRequest | None:
    """Inspect a request before it is sent, and change it or refuse it.

    Called once per turn, and again when the turn needs another request: `--trim` makes it shorter, or the server
    refuses `/continue` in its first form. Also called when `/tokens` sends the conversation to be counted. Each plugin
    receives the request that the previous plugin returned. The conversation keeps the user's original text, so a
    redaction must inspect all of `request.messages` in every turn (content, images and calls of tools) and
    `request.extra`. Requests through `kaito forward` are not part of a conversation, and this hook does not see them.

    Args:
        request: the request so far.
        settings: the current settings.

    Returns:
        The request to send instead, made with :meth:`~kaito.types.ChatRequest.replace`; `None` leaves it unchanged.

    Raises:
        KaitoError: to refuse the turn; nothing is sent and the message is shown. Any other exception, and a result that
            is not a request, also stops the turn, with a message that names the plugin: a redaction that fails must not
            let text through.

    Example::

        from kaito import KaitoError, ShellHint, hookimpl

        @hookimpl
        def kaito_request(request):
            if any("confidential" in message.content for message in request.messages):
                raise KaitoError("The text is confidential", ShellHint("'/undo' removes it", "Leave it out"))
            return request.replace(extra={**request.extra, "user": "team-a"})
    """


@hookspec
def kaito_reply(request: ChatRequest, reply: Reply, settings: Settings) -> None:
    """Receive an answer that the conversation keeps.

    Called after each such answer was shown: a complete one, one that the token limit or the content filter cut, and
    one that the user interrupted; `reply.outcome` says which. With `/continue`, it is called again with the whole
    answer and `reply.continued`. It is not called for an empty answer, nor for a failed turn.

    Args:
        request: the request that was sent.
        reply: the answer, with the server's token count and the timings.
        settings: the current settings.

    Raises:
        KaitoError: the plugin cannot continue, for example because the disk is full. The message is shown with the
            plugin's name, the hook is not called again, and the chat continues.

    Example::

        from kaito import hookimpl

        @hookimpl
        def kaito_reply(reply):
            if reply.usage is not None:
                with open("tokens.log", "a") as log:
                    log.write(f"{reply.model} {reply.outcome} {reply.usage.completion_tokens}\\n")
    """
