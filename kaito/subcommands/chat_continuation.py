"""Finds the earlier conversation that `kaito chat` continues: `--continue`, `--resume` and `--load`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from kaito.chat.conversation import SavedConversation
from kaito.console.columns import Page, TextTable
from kaito.console.questions import ask, end_key
from kaito.console.terminal import Terminal
from kaito.console.wrapping import table_columns
from kaito.errors import KaitoError, NotFoundError, UsageError
from kaito.history.library import Library
from kaito.settings import Settings
from kaito.shell.input.filenames import path_of
from kaito.shell.render.conversation_table import conversation_table
from kaito.types.conversations import ConversationInfo, Origin
from kaito.types.targets import Target, target_of
from kaito.util.program import program_name
from kaito.util.sanitize import one_line

#: The most conversations that `--resume` without an identifier shows.
_OFFERED = 10


class Continuation(Struct, frozen=True, kw_only=True):
    """The earlier conversation, as far as it is known before the chat is connected."""

    #: The history; `None` if it is switched off.
    library: Library | None
    #: The conversation of `--resume` or `--load`.
    saved: SavedConversation | None = None
    #: Whether `--continue` is given, which is the newest one with the server that the chat connects to.
    newest: bool = False
    #: Whether the server must be the same, because the command line names none.
    same_server: bool = False
    #: The flags that only the configuration sets. They do not choose a server for the conversation.
    configured: frozenset[str] = frozenset()
    #: The flags that the command line names.
    named: frozenset[str] = frozenset()

    def settings(self, settings: Settings) -> Settings:
        """Return the settings with the target of the conversation, where the command line names none.

        Raises:
            UsageError: the configuration has a key for another server.
        """
        info = self.saved.info if self.saved is not None else None
        if not self.same_server or info is None:
            return settings
        origin, given = info.origin, settings.target
        names_it = _names(settings, origin)
        if names_it and given.endpoint is not None:
            return settings
        if not names_it and self.configured & (_TARGET | _PLACE):
            if secrets := self.configured & _SECRETS:
                raise UsageError(
                    f"--resume: {info.id} was with another server than the one that '{min(secrets)}' is for",
                    "Name the target, such as with --workspace-name or --endpoint, or use --no-config",
                )
            given, settings = self._without_configured(settings)
        # A configured place is a default: the conversation has its own place.
        given = replace(given, **dict.fromkeys(_PLACE & self.configured))
        target = target_of(
            origin.name if origin.workspace is not None else None,
            namespace=given.namespace or origin.namespace,
            context=given.context or origin.context,
            kubeconfig=given.kubeconfig or origin.kubeconfig,
            endpoint=origin.endpoint,
            model=given.model,
            wait=given.wait,
            request_timeout=given.request_timeout,
        )
        if target.workspace is None:
            target = replace(target, namespace=given.namespace, context=given.context, kubeconfig=given.kubeconfig)
        needs_backend = target.workspace is None and target.endpoint is None
        return replace(settings, target=target, backend=origin.backend or "auto" if needs_backend else settings.backend)

    def _without_configured(self, settings: Settings) -> tuple[Target, Settings]:
        """Return the target and the settings without those that are configured for another server."""
        target = replace(settings.target, model=None) if "model" in self.configured else settings.target
        fields: dict[str, Any] = {"backend": "auto", "certificate_authority": None, "insecure_skip_tls_verify": False}
        fields = {name: value for name, value in fields.items() if name.replace("_", "-") in self.configured}
        return target, replace(settings, **fields)

    def explained(self, error: UsageError) -> UsageError:
        """Return an error of the kubeconfig, explained if the conversation and not the user names what is missing."""
        info = self.saved.info if self.saved is not None else None
        if not self.same_server or info is None:
            return error
        origin, elsewhere = info.origin, "--workspace-name or --endpoint continues it elsewhere"
        if origin.context and "context" not in self.named and error.message.startswith("--context: "):
            return UsageError(
                f"--resume: {info.id} was with context '{origin.context}', which this kubeconfig lacks",
                *error.hints,
                f"If it has another name now, add --context; {elsewhere}",
            )
        if origin.kubeconfig and "kubeconfig" not in self.named and origin.kubeconfig in error.message:
            return UsageError(
                f"--resume: {info.id} was with kubeconfig '{origin.kubeconfig}', which cannot be used",
                error.message,
                *error.hints,
                f"If it is in another place now, add --kubeconfig; {elsewhere}",
            )
        return error

    def choose(self, origin: Origin) -> SavedConversation | None:
        """Return the conversation to continue.

        Args:
            origin: of the server that the chat has connected to.

        Raises:
            NotFoundError: `--continue`, and there is none.
            UsageError: it is not the server of the conversation, and the user has not named it.
        """
        info = self.saved.info if self.saved is not None else None
        if info is not None and self.same_server and origin.server != info.origin.server:
            raise UsageError(
                f"--resume: {info.id} was with another server than the one that is now {origin.shown}",
                "To send its text there, name the target, such as with --workspace-name or --endpoint",
            )
        if not self.newest or self.library is None:
            return self.saved
        saved = self.library.newest(origin)
        if saved is None:
            raise _nothing_to_continue(origin, self.library.elsewhere(origin))
        return saved


def continuation(
    given: argparse.Namespace, settings: Settings, library: Library | None, terminal: Terminal
) -> Continuation:
    """Return the conversation that the flags name.

    Raises:
        UsageError: the flags contradict each other, the history is switched off, or an identifier is missing.
        KaitoError: there is no such conversation, or it cannot be read.
    """
    chosen = _continuing_flags(given)
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]}: cannot be used with {chosen[1]}")
    if given.load is not None:
        return Continuation(library=library, saved=_from_file(given.load))
    if library is None:
        if chosen:
            raise UsageError(f"{chosen[0]}: KAITO_HISTORY=off keeps no conversations")
        return Continuation(library=None)
    if given.resume is None:
        return Continuation(library=library, newest=given.continue_newest)
    saved = library.load(given.resume or _asked(library, terminal))
    settings_of_flags = given.configured.settings
    configured = frozenset(key for key, setting in settings_of_flags.items() if setting.origin.kind != "flag")
    named = frozenset(settings_of_flags) - configured
    names_target = bool(named & (_TARGET - {"backend"})) or ("backend" in named and settings.chose_backend)
    if not names_target and saved.info is not None and not saved.info.origin.server:
        raise UsageError(
            f"--resume: an earlier version of kaito kept {saved.info.id}, without its server",
            "Name the target, such as with --workspace-name or --endpoint",
        )
    return Continuation(library=library, saved=saved, same_server=not names_target, configured=configured, named=named)


#: The flags that name a server, those that name its place, and those with secrets for this server alone.
_TARGET = frozenset({"workspace-name", "endpoint", "backend"})
_PLACE = frozenset({"namespace", "context", "kubeconfig"})
_SECRETS = frozenset({"api-key-file", "header"})


def _names(settings: Settings, origin: Origin) -> bool:
    """Return whether settings name no other server than that of a conversation."""
    from kaito.chat.conversation_origin import server_url

    target = settings.target
    if target.endpoint is not None or origin.endpoint is not None:
        return target.endpoint is not None and server_url(target.endpoint) == origin.endpoint
    if origin.workspace is None:
        return target.workspace is None and settings.backend == origin.backend
    if target.workspace is None:
        is_its = settings.backend in ("auto", origin.backend)
    else:
        is_its = (target.workspace, target.kind) == (origin.workspace, origin.kind)
    kubeconfig = str(Path(target.kubeconfig).absolute()) if target.kubeconfig is not None else None
    return (
        is_its
        and target.namespace in (None, origin.namespace)
        and target.context in (None, origin.context)
        and kubeconfig in (None, origin.kubeconfig)
    )


def continuing_flag(given: argparse.Namespace) -> str | None:
    """Return the flag that asks for an earlier conversation; `None` when none does."""
    return next(iter(_continuing_flags(given)), None)


def _continuing_flags(given: argparse.Namespace) -> list[str]:
    flags = {
        "--load": given.load is not None,
        "--continue": given.continue_newest,
        "--resume": given.resume is not None,
    }
    return [flag for flag, is_given in flags.items() if is_given]


def _from_file(name: str) -> SavedConversation:
    from kaito.chat.transcripts import read_conversation

    path = path_of("--load", name)
    try:
        return SavedConversation(messages=tuple(read_conversation(path)))
    except KaitoError as exc:
        raise UsageError(f"--load: {exc.message}", *exc.hints) from None


def _asked(library: Library, terminal: Terminal) -> str:
    """Show the newest conversations, and return the identifier of the one that the user chooses.

    Raises:
        UsageError: there is no terminal to ask at, or the input ends before the user has chosen one.
        NotFoundError: there is no conversation.
    """
    if not terminal.has_person:
        raise UsageError("--resume: needs the ID of a conversation", f"'{program_name()} history' lists them")
    offered = library.find(limit=_OFFERED)
    if not offered:
        raise NotFoundError("There is no conversation to resume", "Start a new one without --resume")
    columns, rows = conversation_table(offered, brief=True, numbered=True)
    terminal.write_interactive(TextTable(columns, Page(window=table_columns)).add(rows))
    while (answer := ask(terminal, f"Number or ID (1 to {len(offered)}): ")) is not None:
        # An identifier is never a number.
        if answer.isdecimal() and 1 <= int(answer) <= len(offered):
            return offered[int(answer) - 1].id
        if not answer or answer.isdecimal():
            terminal.notice(f"Enter a number (1 to {len(offered)}) or the ID of a conversation; {end_key()} ends")
            continue
        try:
            return library.info(answer).id
        except (NotFoundError, UsageError) as exc:
            terminal.notice("; ".join((exc.message, *exc.shown_hints(commands=()))))
    raise UsageError("--resume: no conversation was chosen")


def _nothing_to_continue(origin: Origin, others: Sequence[ConversationInfo]) -> NotFoundError:
    if not others:
        return NotFoundError(
            f"There is no conversation with {origin.shown} to continue",
            f"Start a new one without --continue; '{program_name()} history' lists those with other servers",
        )
    # The command has a line of its own: with a comment after it, a shell might run words of the title.
    offers = [
        (one_line(f"{one.origin.shown}: {one.title}"), f"  {program_name()} chat --resume {one.id}") for one in others
    ]
    return NotFoundError(
        f"There is no conversation with {origin.shown} to continue",
        "Conversations with another server of this name can be continued there:",
        *chain.from_iterable(offers),
    )
