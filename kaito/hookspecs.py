"""The hooks: what a plugin can add to kaito. This module is the public contract.

A plugin is a module, or an object, with functions marked by `kaito.hookimpl`. It is found by the entry-point
group `kaito`, or named on the command line with `--plugin MODULE_OR_FILE`. Implement any of the hooks; a function
may leave out arguments that it does not need.

Rules for all hooks:

- They run on the main thread and should be quick. None but `kaito_request` and `kaito_reply` may do I/O; the
  objects that they return do the work later.
- All plugins are asked, built-in ones first, then in the order of their names. There is no first-result hook.
- A plugin that cannot be imported or implements a hook that does not exist is named on stderr with its distribution,
  and skipped. One whose hook raises, or returns something else than is documented, is named likewise, and that hook of
  it is skipped. The shell goes on.
- Two plugins that offer the same name (of a backend, a formatter or a slash command): the first keeps it, the other
  is named on stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from kaito.settings import Settings
    from kaito.types import (
        Candidate,
        ChatRequest,
        Delta,
        Endpoint,
        OptionGroup,
        Reply,
        Reporter,
        Screen,
        SlashCommand,
        Target,
    )

hookspec = pluggy.HookspecMarker("kaito")
#: Marks a function as the implementation of the hook that it is named after.
hookimpl = pluggy.HookimplMarker("kaito")


class Backend(Protocol):
    """A way to reach models. Offer it from :func:`kaito_backends`.

    One that holds something of its own, such as a connection to a control plane, may be an asynchronous context manager
    as well: it is entered in the event loop before it is asked and left after its endpoint was closed.
    """

    #: What `--backend` takes.
    name: str
    #: Whether `--workspace-name` has to be given. Backends that lead to one fixed place say `False`.
    needs_workspace: bool

    async def discover(self, target: Target, reporter: Reporter) -> Sequence[Candidate]:
        """Return the ways in to `target`, none when this backend does not apply.

        Called in the event loop, together with all other backends' when `--backend auto` chooses.

        Raises:
            KaitoError: why there is none although this backend applies; shown with what was tried.
        """

    def open(self, candidate: Candidate, reporter: Reporter) -> AbstractAsyncContextManager[Endpoint]:
        """Open a way in that this backend's `discover` returned; leaving the context closes it.

        The context lives as long as the conversation and is left in the event loop that entered it.

        Raises:
            KaitoError: it cannot be opened.
        """


class Formatter(Protocol):
    """Draws one answer. Offer the class from :func:`kaito_formatters`; one is made for each answer.

    It is fed the stream and returns the text to write. The text it is fed is free of control sequences unless
    the class says `raw = True`. One that says `alone = True`, which may be left out, has stdout for itself: what
    commands show goes to stderr then.
    """

    #: What `-o` takes.
    name: str
    #: Whether it wants the model's text as it came. A formatter that asks for it must never return it bare.
    raw: bool

    def __init__(self, screen: Screen) -> None: ...

    def feed(self, delta: Delta) -> str:
        """Return what to write for one piece of the answer, `""` for nothing yet."""

    def finish(self, reply: Reply) -> str:
        """Return what is still to be written, ending with a newline if anything was written at all.

        Called once, also for an answer that broke off or was interrupted (`reply.finish_reason` is `None`).
        """


@hookspec
def kaito_add_options(command: str, options: OptionGroup) -> None:
    """Add command-line options.

    Called once at start-up for a command that can use them, before its arguments are read.

    Args:
        command: the subcommand that runs, such as `chat`.
        options: takes :meth:`~kaito.types.OptionGroup.add`; what the user gave is later read with
            :meth:`Settings.option`. A flag that exists already makes the plugin fail.
    """


@hookspec
def kaito_backends(settings: Settings) -> Iterable[Backend]:
    """Offer ways to reach models.

    Called once, after the command line was read. Looking for an endpoint happens in :meth:`Backend.discover`.

    Args:
        settings: what the user asked for.

    Returns:
        Objects with the attributes of :class:`Backend`.
    """
    return ()


@hookspec
def kaito_formatters() -> Iterable[type[Formatter]]:
    """Offer ways to draw an answer.

    Called once at start-up, before the command line is read, so that `-o` can list them.

    Returns:
        Classes with the attributes of :class:`Formatter`.
    """
    return ()


@hookspec
def kaito_slash_commands(settings: Settings) -> Iterable[SlashCommand]:
    """Offer commands that are typed as `/name arguments`.

    Called once, after the command line was read.

    Args:
        settings: what the user asked for.

    Returns:
        Commands. When one raises :class:`~kaito.errors.KaitoError`, its message is shown as it is; any other
        exception is shown as a fault of the plugin. The shell goes on in both cases.
    """
    return ()


@hookspec
def kaito_request(request: ChatRequest, settings: Settings) -> ChatRequest | None:
    """See, and change, a request before it is sent.

    Called once a turn, and again when `--trim` makes its request shorter, in the order of the plugins; each sees what
    the one before it made of the request. What the
    conversation keeps is what the user typed: a redacted word stays redacted only if it is redacted in every turn,
    so look at all of `request.messages`.

    Args:
        request: what would be sent.
        settings: what the user asked for.

    Returns:
        The request to send instead, made with :meth:`~kaito.types.ChatRequest.replace`; `None` leaves it as it is.

    Raises:
        KaitoError: the turn is refused and nothing is sent; the message is shown. Any other exception, and a result
            that is no request, stops the turn as well, with the plugin's name: a redaction that fails must not let
            the text through.
    """


@hookspec
def kaito_reply(request: ChatRequest, reply: Reply, settings: Settings) -> None:
    """See a reply when it is complete.

    Called once a turn, after the answer was shown, for answers that came to their end.

    Args:
        request: what was sent.
        reply: the answer, with the server's count of tokens and the timings.
        settings: what the user asked for.
    """
