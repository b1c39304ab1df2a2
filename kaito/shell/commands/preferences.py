"""Commands for the next answers: `/set`, `/unset`, `/model`, `/format`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.errors import ShellHint, UsageError
from kaito.toolkit import BODY_PREFIX, DEFAULT, file_names, one_line, only_name, pad, width
from kaito.types import ModelInfo, SlashCommand

if TYPE_CHECKING:
    from kaito import ShellContext


def set_(arguments: str, shell: ShellContext) -> None:
    """Show the settings, or change one

    '/set' shows all settings, '/set NAME' one of them. '/set NAME VALUE' changes it for the following turns, and '/set
    NAME default' restores its value from the start. Not every server accepts every setting: one may refuse it, another
    may ignore it. A list for 'stop' is JSON: ["END", "\\n\\n"]; 'none' clears it. 'schema' names the file of a JSON
    schema; 'none' removes it. 'body.NAME' is any other field of the request, as JSON: '/set body.top_a 0.2'; null
    leaves a field out.
    """
    name, value = [*arguments.split(None, 1), "", ""][:2]
    name = _setting_name(name)
    if not name:
        _show(shell, shell.settings)
    elif not value:
        shell.choices(name)  # refuses an unknown name
        _show(shell, [name])
    elif name == _SCHEMA and value not in (*shell.choices(name), DEFAULT):
        # A file name may be quoted, as Tab completes it.
        _change(shell, name, str(only_name("/set schema", value)))
    else:
        _change(shell, name, None if value == DEFAULT else value)


#: The setting whose value is a file.
_SCHEMA = "schema"


def unset(arguments: str, shell: ShellContext) -> None:
    """Restore a setting's value from the start"""
    if not arguments:
        raise UsageError("/unset: needs the name of a setting", ShellHint("/set shows all settings"))
    _change(shell, _setting_name(arguments), None)


def _change(shell: ShellContext, name: str, value: str | None) -> None:
    shell.set(name, value)
    shell.notice(f"{name}: {_shown(shell, name)}")


def _shown(shell: ShellContext, name: str) -> str:
    return shell.settings.get(name, "(not sent)")


def _setting_name(typed: str) -> str:
    # The spellings of flags and of the API are accepted too. Other fields of the API are spelled as they are sent.
    if typed.lower().startswith(BODY_PREFIX):
        return BODY_PREFIX + typed[len(BODY_PREFIX) :]
    return typed.removeprefix("--").replace("_", "-").lower()


def _show(shell: ShellContext, names: Iterable[str]) -> None:
    columns = max(map(len, shell.settings))
    lines = (f"  {name:<{columns}}  {_shown(shell, name)}\n" for name in names)
    # The rest of a long value is below its beginning.
    shell.write("".join(lines), hang=columns + 2)


def model(arguments: str, shell: ShellContext) -> None:
    """Show the models and adapters, or switch to one

    The conversation continues with it. A model that the server does not list is requested too.
    """
    if arguments:
        shell.use_model(arguments)
        shell.notice(f"Model: {shell.model}")
        return
    shell.refresh_models()
    models = list(shell.models)
    if shell.model not in [info.name for info in models]:
        models.insert(0, ModelInfo(name=shell.model))
    # Names come from the server: control sequences in them would count as columns.
    columns = max(width(one_line(info.name)) for info in models)
    shell.write("".join(_row(info, columns, current=info.name == shell.model) for info in models), hang=4)


def _row(info: ModelInfo, columns: int, *, current: bool) -> str:
    details = [f"{info.window} tokens"] if info.window else []
    details += [f"adapter of {one_line(info.parent)}"] if info.parent else []
    return f"{'*' if current else ' '} {pad(one_line(info.name), columns)}  {', '.join(details)}".rstrip() + "\n"


def format_(arguments: str, shell: ShellContext) -> None:
    """Show the output formats, or switch to one"""
    if arguments:
        set_(f"format {arguments}", shell)
        return
    current = shell.settings["format"]
    shell.write("".join(f"{'*' if name == current else ' '} {name}\n" for name in shell.choices("format")), hang=4)


def _complete_set(typed: str, shell: ShellContext) -> Iterable[str]:
    name, blank, value = typed.partition(" ")
    if blank:
        name = _setting_name(name)
        if name == _SCHEMA:
            return [f"{name} {text}" for text in (*shell.choices(name), DEFAULT, *file_names(value, only=True))]
        return [f"{name} {value}" for value in (*shell.choices(name), DEFAULT)] if name in shell.settings else []
    return shell.settings


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        SlashCommand(name="set", run=set_, arguments="[NAME [VALUE]]", complete=_complete_set),
        SlashCommand(name="unset", run=unset, arguments="NAME", complete=lambda typed, shell: shell.settings),
        SlashCommand(
            name="model",
            run=model,
            arguments="[NAME]",
            complete=lambda typed, shell: [info.name for info in shell.models],
        ),
        SlashCommand(
            name="format", run=format_, arguments="[NAME]", complete=lambda typed, shell: shell.choices("format")
        ),
    ]
