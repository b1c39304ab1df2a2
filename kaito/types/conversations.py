"""Past conversations: what is known about each, and the model's server."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

#: Where the messages came from: a prompt, `--message`, a script, or a script with `--each`.
Source = Literal["terminal", "message", "script", "each"]


class Origin(Struct, frozen=True, kw_only=True):
    """The server of a conversation, and how to connect to it again."""

    #: `None` with `--endpoint` alone and with a backend that needs no workspace.
    workspace: str | None = None
    #: `workspace`, `inferenceset` and so on; `""` without a workspace.
    kind: str = ""
    namespace: str | None = None
    #: The kubeconfig's context.
    context: str | None = None
    #: A hash that distinguishes the server from others of the same name; `""` if it is not known.
    server: str = ""
    #: The name in the banner.
    label: str = ""
    #: `--endpoint`, without credentials and without its query.
    endpoint: str | None = None
    #: The name of the backend that connected.
    backend: str | None = None
    #: `--kubeconfig`.
    kubeconfig: str | None = None
    #: The model's name as the banner showed it.
    model: str | None = None

    @property
    def identity(self) -> tuple[str | None, str, str | None, str | None, str]:
        """What must be the same for `--continue`: the target's names, and the server."""
        return self.workspace, self.kind, self.namespace, self.context, self.server

    @property
    def name(self) -> str:
        """The name of the workspace, as `--workspace-name` takes it, or else the name in the banner."""
        if self.workspace is None:
            return self.label or self.endpoint or self.backend or "unknown"
        return self.workspace if self.kind in ("", "workspace") else f"{self.kind}/{self.workspace}"

    @property
    def place(self) -> str:
        """The namespace and the context, as far as they are known: `namespace team-a, context prod`."""
        parts = [f"namespace {self.namespace}"] if self.namespace else []
        return ", ".join([*parts, *([f"context {self.context}"] if self.context else [])])

    @property
    def shown(self) -> str:
        """The name and the place: `my-llama (namespace team-a, context prod)`."""
        address = self.endpoint if self.endpoint and self.endpoint.partition("//")[2] != self.name else ""
        where = ", ".join(part for part in (self.place, address) if part)
        return f"{self.name} ({where})" if where else self.name


class ConversationInfo(Struct, frozen=True, kw_only=True):
    """One past conversation, without its text."""

    #: Lower-case letters and digits.
    id: str
    #: The first line of the first message, or the title that the user gave it.
    title: str
    #: When it began, in seconds since 1970.
    created: float
    #: When its last turn ended, in seconds since 1970.
    updated: float
    turns: int
    source: Source = "terminal"
    origin: Origin = Origin()
    #: The id of the conversation from which it branched; `None` if it did not.
    parent: str | None = None
