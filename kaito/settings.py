"""The settings of a run: flags, environment, configuration and defaults, resolved once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from kaito.types import ResponseSchema, Target


class Settings(Struct, frozen=True, kw_only=True):
    """All options of a run. The defaults here are the flags' defaults.

    `/set` replaces the settings of a session with a changed copy.
    """

    target: Target = Target()
    #: A backend's name, or `auto`.
    backend: str = "auto"
    system_prompt: str | None = None
    #: The values of `{{KEY}}` in files of system prompts.
    prompt_variables: Mapping[str, str] = {}
    #: 0.0 to 2.0.
    temperature: float = 0.7
    #: The most tokens of an answer.
    max_tokens: int = 1024
    #: 0.0 to 1.0.
    top_p: float = 0.9
    #: The following are sent only when set.
    seed: int | None = None
    stop: list[str] | None = None
    #: -2.0 to 2.0, like the next.
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    top_k: int | None = None
    #: 0.0 to 1.0.
    min_p: float | None = None
    #: Descriptions of tools that the model may call, as OpenAI's API takes them.
    tools: tuple[Mapping[str, Any], ...] = ()
    #: The JSON schema that answers must match; `None` for free text.
    schema: ResponseSchema | None = None
    #: Whether the model reasons before it answers; `auto` leaves it to the server.
    think: Literal["on", "off", "auto"] = "auto"
    #: Further fields of the request, by the server's names. They replace fields that other settings have set.
    body: Mapping[str, Any] = {}
    #: Whether the server sends answers token by token.
    stream: bool = True
    #: Whether the oldest turns are dropped when the context window is full.
    trim: bool = False
    #: Whether the model's reasoning is shown.
    reasoning: bool = True
    #: Whether statistics are shown after each answer.
    stats: bool = False
    #: Whether each line of a script is a conversation of its own.
    each: bool = False
    #: A formatter's name.
    output: str = "plain"
    color: Literal["auto", "always", "never"] = "auto"
    verbose: bool = False
    #: The time limit for connecting, in seconds.
    connect_timeout: float = 10.0
    #: Seconds that the server may be silent before an answer counts as lost.
    idle_timeout: float = 300.0
    #: Further request headers; may hold secrets.
    headers: tuple[tuple[str, str], ...] = ()
    #: The key for the model's server. It is never sent to the cluster.
    api_key: str | None = None
    #: PEM file of the authorities to trust instead of the system's.
    certificate_authority: str | None = None
    insecure_skip_tls_verify: bool = False
    #: Values of the flags that this plugin added, by names such as `redact_file`. Each plugin sees only its own.
    options: Mapping[str, Any] = {}

    # Secrets must not appear in a traceback.
    __repr__ = object.__repr__

    @property
    def chose_backend(self) -> bool:
        """Whether the user chose how to connect, with `--backend` or `--endpoint`: no other backend is then tried."""
        return self.backend != "auto" or self.target.endpoint is not None

    def option(self, name: str) -> Any:
        """Return the value of a flag that this plugin added, or the flag's default when it was not given.

        Args:
            name: `redact_file` or `redact-file` for `--redact-file`.

        Raises:
            LookupError: the plugin did not add this flag to the command that runs.
        """
        key = name.removeprefix("--").replace("-", "_")
        if key not in self.options:
            known = ", ".join(f"--{each.replace('_', '-')}" for each in self.options)
            raise LookupError(f"there is no option '{name}' of this plugin; it added {known or 'none to this command'}")
        return self.options[key]
