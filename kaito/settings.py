"""What the user asked for: flags, environment and defaults, resolved once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from kaito.types import Target

#: The flags' defaults, by the user's document.
TEMPERATURE = 0.7
MAX_TOKENS = 1024
TOP_P = 0.9
#: Seconds.
CONNECT_TIMEOUT = 10.0
IDLE_TIMEOUT = 300.0


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that a run was asked for. Frozen: what can change within a session lives in the conversation."""

    target: Target = Target()
    #: The backend's name, or `auto`.
    backend: str = "auto"
    system_prompt: str | None = None
    temperature: float = TEMPERATURE
    max_tokens: int = MAX_TOKENS
    top_p: float = TOP_P
    #: Whether answers are asked for as they arise.
    stream: bool = True
    #: Whether the oldest turns give way when the window is full.
    trim: bool = False
    #: Whether the model's reasoning is shown.
    reasoning: bool = True
    #: Whether each answer is followed by its figures.
    stats: bool = False
    #: The formatter's name.
    output: str = "plain"
    color: Literal["auto", "always", "never"] = "auto"
    verbose: bool = False
    #: Seconds until a connection must stand.
    connect_timeout: float = CONNECT_TIMEOUT
    #: Seconds of silence from the server before an answer is given up.
    idle_timeout: float = IDLE_TIMEOUT
    #: Further request headers, which may hold secrets.
    headers: tuple[tuple[str, str], ...] = ()
    #: For the model's server, never for the cluster.
    api_key: str | None = None
    #: PEM file of the authorities to trust instead of the system's.
    certificate_authority: str | None = None
    insecure_skip_tls_verify: bool = False
    #: What plugins' own flags were given, by destination.
    options: Mapping[str, Any] = {}

    # No secret shows in a traceback.
    __repr__ = object.__repr__

    def option(self, name: str) -> Any:
        """Return the value of a plugin's flag: `redact_file` for `--redact-file`; `None` when it was not given."""
        return self.options.get(name)
