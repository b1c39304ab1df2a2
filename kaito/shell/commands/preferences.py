"""Commands for how the next answers come: `/set`, `/unset`, `/model`, `/format`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.console.sanitize import one_line
from kaito.errors import UsageError
from kaito.types import ModelInfo, ShellContext, SlashCommand
from kaito.util.parsers import DEFAULT


def change(arguments: str, shell: ShellContext) -> None:
    """Show the settings, or change one

    '/set' shows all, '/set NAME' one of them, '/set NAME VALUE' changes it for the turns that follow, and
    '/set NAME default' brings back what it was at the start. Not every server takes all of them: one that refuses a
    setting says so, and one that knows nothing of it may pass over it. A list for 'stop' is JSON: ["END", "\\n\\n"];
    with 'none' nothing ends an answer but the model.
    """
    name, value = [*arguments.split(None, 1), "", ""][:2]
    name = _name(name)
    if not name:
        _show(shell, shell.settings)
    elif not value:
        shell.choices(name)  # refuses one that does not exist
        _show(shell, [name])
    else:
        _set(shell, name, None if value == DEFAULT else value)


def unset(arguments: str, shell: ShellContext) -> None:
    """Bring a setting back to what it was at the start"""
    if not arguments:
        raise UsageError("/unset: needs the name of a setting", "/set shows all of them")
    _set(shell, _name(arguments), None)


def _set(shell: ShellContext, name: str, value: str | None) -> None:
    shell.set(name, value)
    shell.notice(f"{name}: {shell.settings[name]}")


def _name(typed: str) -> str:
    # As the flags and as the API spell it.
    return typed.removeprefix("--").replace("_", "-").lower()


def _show(shell: ShellContext, names: Iterable[str]) -> None:
    width = max(map(len, shell.settings))
    shell.write("".join(f"  {name:<{width}}  {shell.settings[name]}\n" for name in names))


def model(arguments: str, shell: ShellContext) -> None:
    """Show the models and adapters, or switch to one

    The conversation goes on with it.
    """
    if arguments:
        shell.use_model(arguments)
        shell.notice(f"Model: {shell.model}")
        return
    shell.refresh_models()
    known = list(shell.models)
    if shell.model not in [info.name for info in known]:
        known.insert(0, ModelInfo(name=shell.model))
    # A server's words: an escape sequence takes no column.
    width = max(len(one_line(info.name)) for info in known)
    shell.write("".join(_row(info, width, current=info.name == shell.model) for info in known))


def _row(info: ModelInfo, width: int, *, current: bool) -> str:
    more = [f"{info.window} tokens"] if info.window else []
    more += [f"adapter of {one_line(info.parent)}"] if info.parent else []
    return f"{'*' if current else ' '} {one_line(info.name):<{width}}  {', '.join(more)}".rstrip() + "\n"


def choose_format(arguments: str, shell: ShellContext) -> None:
    """Show the ways to draw an answer, or switch to one"""
    if arguments:
        change(f"format {arguments}", shell)
        return
    current = shell.settings["format"]
    shell.write("".join(f"{'*' if name == current else ' '} {name}\n" for name in shell.choices("format")))


def _settings(typed: str, shell: ShellContext) -> Iterable[str]:
    name, blank, _ = typed.partition(" ")
    if blank:
        name = _name(name)
        return [f"{name} {value}" for value in (*shell.choices(name), DEFAULT)] if name in shell.settings else []
    return shell.settings


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Offer them."""
    return [
        SlashCommand(name="set", run=change, arguments="[NAME [VALUE]]", complete=_settings),
        SlashCommand(name="unset", run=unset, arguments="NAME", complete=lambda typed, shell: shell.settings),
        SlashCommand(
            name="model",
            run=model,
            arguments="[NAME]",
            complete=lambda typed, shell: [info.name for info in shell.models],
        ),
        SlashCommand(
            name="format", run=choose_format, arguments="[NAME]", complete=lambda typed, shell: shell.choices("format")
        ),
    ]
