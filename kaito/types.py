"""The values that pass between the shell, the protocol and the plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from yarl import URL

    from kaito.errors import KaitoError

Role = Literal["system", "user", "assistant"]


class Message(Struct, frozen=True):
    """One entry of a conversation, in OpenAI's terms."""

    role: Role
    content: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """What is about to be sent for one turn. Change it with :meth:`replace`."""

    messages: tuple[Message, ...]
    #: The served model or adapter; `None` leaves the choice to the server.
    model: str | None = None
    #: 0.0 to 2.0.
    temperature: float | None = None
    #: 0.0 to 1.0.
    top_p: float | None = None
    #: Tokens the answer may have at most.
    max_tokens: int | None = None
    #: Whether the answer is wanted as it arises.
    stream: bool = True
    #: Further fields of the request body, as the server names them.
    extra: Mapping[str, Any] = {}

    def replace(self, **changes: Any) -> ChatRequest:
        """Return a copy with other values for the fields that are named."""
        return replace(self, **changes)


class Usage(Struct, frozen=True, kw_only=True):
    """The server's own count of tokens for one turn."""

    prompt_tokens: int
    completion_tokens: int
    #: Prompt tokens that the server had at hand from earlier turns; `None` when it does not say.
    cached_tokens: int | None = None


class Delta(Struct, kw_only=True):
    """A piece of an answer: all that one read from the network brought."""

    content: str = ""
    #: What the model thinks before it answers; never part of the conversation.
    reasoning: str = ""
    #: Why the answer ended (`stop`, `length`, …), with the piece that ends it.
    finish_reason: str | None = None
    usage: Usage | None = None
    #: The model's name as the answer gives it.
    model: str | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """Stands in for a delta while an answer is held up."""

    #: Why: the server's words, or the network's.
    reason: str
    #: Seconds until the next try.
    delay: float


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer, or what there was of it when it broke off."""

    content: str
    reasoning: str = ""
    model: str | None = None
    #: `None` when the answer broke off or was interrupted.
    finish_reason: str | None = None
    usage: Usage | None = None
    #: Seconds from sending the request to the first visible piece; `None` without one.
    first_token_s: float | None = None
    #: Seconds from sending the request to the end of the answer.
    total_s: float = 0.0


class ModelInfo(Struct, frozen=True, kw_only=True):
    """One entry of the server's model list."""

    name: str
    #: The context window in tokens, where the server tells it.
    window: int | None = None
    #: The model that an adapter belongs to, where the server tells it.
    parent: str | None = None


class Target(Struct, frozen=True, kw_only=True):
    """What the user asked to talk to. A backend finds the way there."""

    #: `None` with `--endpoint` and with a backend that needs no workspace.
    workspace: str | None = None
    #: `workspace`, or `inferenceset` when the name was given as `inferenceset/NAME`.
    kind: Literal["workspace", "inferenceset"] = "workspace"
    #: `-n`; `None` means the kubeconfig context's own.
    namespace: str | None = None
    #: `--endpoint`.
    endpoint: str | None = None
    #: `--model`: a model, an adapter, or (for the local backend) a file.
    model: str | None = None
    #: `--kubeconfig`.
    kubeconfig: str | None = None
    #: `--context`.
    context: str | None = None
    #: `--wait`: seconds that it may take to become ready; `None` when it has to be.
    wait: float | None = None
    #: `--request-timeout` in seconds for one request to the API server; `None` means no limit.
    request_timeout: float | None = None


class Candidate(Struct, frozen=True, kw_only=True):
    """A way in that a backend found, not yet opened."""

    #: The name of the backend that offers it and opens it.
    backend: str
    #: Where it leads, for people to read.
    url: str
    #: The lower, the better; `None` is taken only when its backend is named by `--backend`.
    rank: int | None = None
    #: Whether another process on this machine can use the URL as it is.
    shared: bool = False
    #: Whether it leads in from outside the cluster.
    external: bool = False
    #: The backend's own notes for `open`.
    detail: Any = None


class Endpoint(Struct, frozen=True, kw_only=True):
    """An open way in: where requests go, and how."""

    #: The base URL. A trailing `/v1` is optional: both forms are tried.
    url: str
    #: The `Endpoint:` line of an error.
    shown_url: str
    #: The name in the banner.
    label: str
    #: The model to ask for, where the backend knows better than `--model` and the server's list.
    model: str | None = None
    #: The name to show when the server lists no models. It is not asked for.
    preset: str | None = None
    #: Sent with every request; may hold secrets.
    headers: Mapping[str, str] = {}
    #: How `https` is verified: `True` by the system's authorities, `False` not at all.
    ssl: ssl.SSLContext | bool = True
    #: Name for TLS's SNI and the certificate's check where it differs from the URL's host.
    server_hostname: str | None = None
    #: Makes the connector of a way in that is not plain TCP. Called in the event loop.
    connector: Callable[[], aiohttp.BaseConnector] | None = None
    #: Where the URL's host is, IP addresses or names, if DNS is not to be asked. No proxy is used then.
    addresses: tuple[str, ...] = ()
    #: Whether `HTTP_PROXY` and its like apply (never for loopback).
    proxied: bool = True
    #: The proxy to use, whatever the environment names.
    proxy: URL | None = None
    #: See each request before it is sent and its response before it is read: aiohttp's client middlewares.
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
    #: Given the status, headers and body of a refusal, tells what it means when it comes from something on the way to
    #: the model's server; `None` for the server's own.
    explain: Callable[[int, Mapping[str, str], bytes], KaitoError | None] | None = None
    #: Whether connections pass through something that can die unseen.
    tunnelled: bool = False
    #: Tells who answers at the moment, where that can change: a pod, or one of several replicas.
    via: Callable[[], str] | None = None

    # No secret shows in a traceback.
    __repr__ = object.__repr__


class Reporter(Protocol):
    """Where a backend says what it is doing. Safe to call from any thread."""

    def status(self, text: str) -> None:
        """Show `text` while it is true: one line on a terminal, gone before the answer; `""` takes it away."""

    def retrying(self, reason: str, delay: float) -> None:
        """Tell that the next try is `delay` seconds away, and why."""

    def notice(self, text: str) -> None:
        """Write `text` as a line of its own on stderr, terminal or not."""


class OptionGroup(Protocol):
    """Where a plugin adds its command-line options."""

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
    ) -> None:
        """Add an option. What was given is read with :meth:`~kaito.settings.Settings.option`.

        Args:
            flag: such as `--redact-file`.
            help: one sentence for `--help`.
            metavar: what stands for the value in `--help`.
            parse: makes the value of what was typed. A `ValueError` from it becomes a usage error with its words.
            default: the value when the flag is not given.
            switch: the flag takes no value; it is `True` when given.

        Raises:
            ValueError: the flag exists, or is not of the form `--name`.
        """


class Screen(Struct, frozen=True, kw_only=True):
    """What a formatter may know of the place its text goes to."""

    #: Whether a person looks at it.
    terminal: bool = False
    #: Whether escape sequences for colour are wanted.
    colour: bool = False
    #: Whether every letter can be written there.
    unicode: bool = True
    #: Columns, asked anew at each call since windows are resized.
    width: Callable[[], int] = lambda: 80


class SlashCommand(Struct, frozen=True, kw_only=True):
    """A command that is typed as `/name arguments`."""

    name: str
    #: Called with what follows the name (blanks around it removed) and the shell's commands.
    run: Callable[[str, ShellContext], None]
    #: One line for `/help`; the first line of `run`'s docstring when empty. All of that is shown by `/help NAME`.
    summary: str = ""
    #: Such as `NAME VALUE`, for `/help`. Where it is empty, a line that has more than the name is refused.
    arguments: str = ""
    #: Whether it reads or writes files or starts programs: refused when commands come from a pipe.
    touches_files: bool = False
    #: Given what is typed of the arguments, returns what they may become when Tab is pressed.
    complete: Callable[[str, ShellContext], Iterable[str]] | None = None

    def describe(self) -> str:
        """Return the line that `/help` shows."""
        return self.summary or (self.run.__doc__ or "").strip().partition("\n")[0]


class ShellContext(Protocol):
    """What a slash command may do with the shell it runs in."""

    @property
    def conversation(self) -> tuple[Message, ...]:
        """The messages that the next turn would send before its own: the system prompt, if any, and the turns."""

    @property
    def last_message(self) -> str | None:
        """What the user said last, answered or not."""

    @property
    def reply(self) -> Reply | None:
        """The answer of the conversation's last turn, with its figures; `None` without one, or when it was resumed."""

    @property
    def model(self) -> str:
        """The name of the model that answers."""

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """What the server serves, adapters too; empty when it has no list. As it was when last asked."""

    @property
    def window(self) -> int | None:
        """Tokens of the model's window, prompt and answer together; `None` when the server does not tell."""

    @property
    def settings(self) -> Mapping[str, str]:
        """What `/set` can change, with the values in the form that it takes."""

    def choices(self, setting: str) -> tuple[str, ...]:
        """Return the values that a setting can have, where they can be listed."""

    def write(self, text: str) -> None:
        """Show what was asked for: on stdout, unless the formatter keeps that for answers. Control sequences go."""

    def notice(self, text: str) -> None:
        """Write a line to stderr. Text from outside is neutralised."""

    def ask(self, text: str) -> None:
        """Send a message and show the answer, as if it had been typed.

        Raises:
            KaitoError: the turn failed.
        """

    def edit(self, text: str) -> str:
        """Have the user edit a text in their own editor; return what they saved, without newlines at its end.

        It is `""` when they saved nothing.

        A command that uses it has `touches_files`.

        Raises:
            KaitoError: the editor cannot be run, or it failed.
        """

    def retry(self) -> None:
        """Send the last message again: one that failed, else that of the last turn, which the new one replaces.

        Raises:
            KaitoError: there is none, or the turn failed; what was there before then stays.
        """

    def continue_answer(self) -> None:
        """Have the model go on with its last answer, which was cut; what comes is joined to it.

        Raises:
            KaitoError: it was not cut, or the turn failed.
        """

    def undo(self) -> str:
        """Take back the message that failed, else the last turn; return the message.

        Raises:
            UsageError: there is none.
        """

    def replace(self, messages: Sequence[Message]) -> None:
        """Take these messages for what has been said: a system prompt, if any, then question and answer in turn.

        Raises:
            KaitoError: they are anything else.
        """

    def set(self, setting: str, value: str | None) -> None:
        """Change a setting, from the next turn on. `None` is what it was at the start.

        Raises:
            UsageError: there is no such setting, or the value is not allowed.
        """

    def use_model(self, name: str) -> None:
        """Have another model, or an adapter, answer from the next turn on.

        Raises:
            KaitoError: the server is asked, and does not serve it.
        """

    def refresh_models(self) -> None:
        """Ask the server anew what it serves.

        Raises:
            KaitoError: it cannot be reached.
        """

    def count_tokens(self) -> int | None:
        """Have the server count the conversation's tokens; `None` where it does not tell, or not within seconds."""
