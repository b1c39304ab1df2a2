"""One option: its flag on the command line, its name in `/set`, its parser, and where its value goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

#: Creates a parser of values; its argument is the name to show in errors. The parser raises `UsageError`.
ParserFactory = Callable[[str], Callable[[str], Any]]

#: See :attr:`Option.configured`.
Scope = Literal["shared", "command", "never"]


class Option(Struct, frozen=True, kw_only=True):
    """An option of the command line, of `/set`, or of both."""

    #: One sentence for `--help`.
    help: str
    #: The long flag; the value is stored under its name unless `field` is set.
    flag: str
    #: The short flag, such as `-n`.
    short: str = ""
    #: The placeholder of the value in `--help`; empty for a switch, which has no value.
    metavar: str = ""
    #: Checks and converts the value; `None` keeps the text as it is.
    parse: ParserFactory | None = None
    #: The field of `Settings` or `Target`, or the name in argparse's namespace.
    field: str = ""
    #: `append` collects repeated values; `once` refuses a second value; `optional` makes the value optional.
    action: Literal["store", "append", "once", "optional", "on", "off"] = "store"
    #: The value when the flag is given without one (`optional`).
    const: Any = None
    #: The name in `/set`; empty when the option cannot change within a session.
    setting: str = ""
    #: Parses the value of `/set` where that differs from the flag's.
    parse_setting: ParserFactory | None = None
    #: Values that Tab offers for `/set`.
    choices: tuple[str, ...] = ()
    #: Whether the value for `/set` is the name of a file: refused when commands come from a pipe.
    touches_files: bool = False
    #: Whether the value is a field of `ChatRequest`, or one of its `extra` fields (sent only when set).
    request: Literal["", "field", "extra"] = ""
    #: Where the configuration may set it: for all commands that have it, only in the table of a command, or nowhere,
    #: because it concerns a single run.
    configured: Scope = "shared"

    @property
    def dest(self) -> str:
        """The name under which the value is stored."""
        return self.field or self.flag.removeprefix("--").replace("-", "_")
