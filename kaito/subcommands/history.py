"""`kaito history`: lists and searches past conversations, shows, exports and deletes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kaito import hookimpl
from kaito.cli.args.plugin_options import PluginOptions
from kaito.cli.command_context import CommandContext
from kaito.console.questions import ask
from kaito.errors import UsageError
from kaito.history.exported_conversation import SPEAKERS, export_of
from kaito.history.exports import as_data, export_format, exported, info_data, write_export
from kaito.history.identifier_completion import conversation_words
from kaito.history.library import Library
from kaito.history.state_folder import state_folder
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.shell.input.filenames import path_of
from kaito.shell.render.conversation_table import conversation_table
from kaito.types import Command
from kaito.util.program import program_name
from kaito.util.sanitize import one_line

#: The most conversations that are listed at a terminal, so that the newest stay on the screen; and the most results of
#: a search, which take two lines each.
_LISTED, _FOUND = 20, 10

_DESCRIPTION = (
    "List past conversations, newest first, or those that contain all WORDS. At a terminal, the newest "
    f"{_LISTED} are listed, or {_FOUND} that contain the words. 'show ID' shows one, 'export ID [FILE]' writes it as "
    "Markdown, HTML or JSON, 'delete ID' deletes it. The beginning of an ID is enough. 'kaito chat --resume ID' "
    "continues one."
)

_EXAMPLES = """
    # List all conversations
    kaito history

    # List all of them, also at a terminal
    kaito history --all

    # Search
    kaito history rolling update

    # Show one
    kaito history show 7k3mq9xd

    # Write one as a page to read in a browser
    kaito history export 7k3mq9xd talk.html

    # Delete everything
    kaito history delete --all
"""

#: The formats of each action, in addition to `plain`.
_FORMATS = {
    "": ("wide", "json", "yaml"),
    "show": ("json", "yaml"),
    "export": ("markdown", "json", "html"),
    "delete": (),
}
_ALL_FORMATS = ("wide", "json", "yaml", "markdown", "html")


def _formats(words: Sequence[str]) -> Sequence[str]:
    """Return the formats of the action that the words on the command line name."""
    formats = _FORMATS.get(words[0], _FORMATS[""]) if words else _ALL_FORMATS
    return ("plain", *formats)


def _run(context: CommandContext) -> None:
    words: list[str] = context.option("words")
    actions: dict[str, Callable[[CommandContext, Library, Sequence[str]], None]] = {
        "show": _show,
        "export": _export,
        "delete": _delete,
    }
    action = words[0] if words and words[0] in actions else ""
    formats = _FORMATS[action]
    if context.output not in ("plain", *formats):
        named = f"history {action}".rstrip()
        allowed = ", ".join(("plain", *formats))
        raise UsageError(f"--output: '{context.output}' is not for '{named}'", f"It takes {allowed}")
    if action not in ("", "delete") and context.option("all"):
        raise UsageError(f"--all: 'history {action}' takes one ID")
    if action != "delete" and context.option("yes"):
        raise UsageError("--yes: only 'history delete' takes it")
    if action != "export" and context.option("force"):
        raise UsageError("--force: only 'history export' takes it")
    folder = state_folder(context.invocation.environ, context.notice)
    if folder is None:
        raise UsageError("KAITO_HISTORY=off keeps no conversations")
    if action:
        actions[action](context, Library(folder), words[1:])
    else:
        _list(context, Library(folder), " ".join(words))


def _list(context: CommandContext, library: Library, words: str) -> None:
    found = library.find(words)
    is_search, is_data = bool(words.strip()), context.output in ("json", "yaml")
    terminal = context.invocation.terminal
    shown = found
    if terminal.out_is_terminal and not is_data and not context.option("all"):
        shown = found[: _FOUND if is_search else _LISTED]
    excerpts = library.excerpts(words, [info.id for info in shown]) if is_search else None
    if is_data:
        context.write_object([{**info_data(info), "excerpt": (excerpts or {}).get(info.id)} for info in found])
        return
    if not found:
        context.notice(f"No conversation has '{words}'" if words else "There is no conversation yet")
        return
    context.write_table(*conversation_table(shown, excerpts, wide=context.output == "wide"))
    if more := len(found) - len(shown):
        terminal.note(f"({more} more; --all lists all {len(found)})", dim=True)


def _show(context: CommandContext, library: Library, words: Sequence[str]) -> None:
    saved = library.load(_only_id("show", words))
    if (info := saved.info) is None:
        return
    export = export_of(info, saved.messages)
    if context.output != "plain":
        context.write_object(as_data(export))
        return
    lines = [("Title", info.title), ("ID", info.id), *export.details, ("Turns", str(info.turns))]
    lines += [("Branch of", info.parent)] if info.parent else []
    head = "".join(f"{name}: {one_line(text)}\n" for name, text in lines)
    texts = [f"{SPEAKERS[message.role]}:\n{message.shown.strip()}\n" for message in saved.messages]
    context.write("\n".join([head, *texts]))


def _export(context: CommandContext, library: Library, words: Sequence[str]) -> None:
    if len(words) > 2:
        raise UsageError("history export: takes an ID and a file", "Quote a file name that has blanks")
    saved = library.load(_only_id("export", words[:1]))
    if saved.info is None:
        return
    export = export_of(saved.info, saved.messages)
    given = None if context.output == "plain" else context.output
    if len(words) == 1:
        context.write(exported(export, given or "markdown"))
        return
    path = path_of("history export", words[1])
    if given is None and export_format(path) is None:
        raise UsageError(
            f"history export: '{path}' does not end with .md, .html or .json",
            "-o markdown, html or json writes a file of any name",
        )
    write_export(path, export, given, force=context.option("force"))
    context.notice(f"Exported {saved.info.id} to {path}")


def _delete(context: CommandContext, library: Library, words: Sequence[str]) -> None:
    everything = context.option("all")
    if everything == bool(words):
        raise UsageError("history delete: needs IDs, or --all", f"'{program_name()} history' lists the conversations")
    found = library.find() if everything else [library.info(word) for word in words]
    # Two words may name the same one.
    chosen = [*{info.id: info for info in found}.values()]
    if not chosen:
        context.notice("There is no conversation yet")
        return
    count = "1 conversation" if len(chosen) == 1 else f"{len(chosen)} conversations"
    terminal = context.invocation.terminal
    if not context.option("yes"):
        if not terminal.has_person:
            raise UsageError("history delete: needs --yes, as there is no terminal at which to ask")
        what = count if everything or len(chosen) > 1 else f"{chosen[0].id}, {one_line(chosen[0].title)}"
        if (ask(terminal, f"Delete {what}? [y/N] ") or "").lower() not in ("y", "yes"):
            context.notice("Nothing was deleted")
            return
    library.delete([info.id for info in chosen])
    context.notice(f"Deleted {count}")


def _only_id(action: str, words: Sequence[str]) -> str:
    if len(words) > 1:
        raise UsageError(f"history {action}: takes one ID")
    if not words:
        raise UsageError(
            f"history {action}: needs the ID of a conversation",
            f"To search for the word: {program_name()} history '{action} '",
        )
    return words[0]


def _complete(words: Sequence[str]) -> Iterable[str] | None:
    import os

    if not words:
        return ["show\tShow a conversation", "export\tWrite one as a file", "delete\tDelete conversations"]
    if words[0] == "delete" or (words[0] in ("show", "export") and len(words) == 1):
        return conversation_words(os.environ)
    return None if words[0] == "export" and len(words) == 2 else ()


def _add_options(options: PluginOptions) -> None:
    options.add_argument(
        "WORDS",
        help="What to search for; or show, export or delete, and the ID of a conversation",
        required=False,
        repeatable=True,
        complete=_complete,
    )
    options.parser.formats = _formats
    if (output := options.parser.flag("--output")) is not None:
        takes = "; ".join(
            f"{name} takes {', '.join(_FORMATS[action])}"
            for action, name in (("", "the list"), ("show", "'show'"), ("export", "'export'"))
        )
        output.help = f"Output format; {takes}"
    options.add(
        "--all",
        switch=True,
        configurable=False,
        help="List all conversations, also at a terminal; with delete: delete all",
    )
    options.add("--yes", switch=True, configurable=False, short="-y", help="With delete: do not ask")
    options.add("--force", switch=True, configurable=False, help="With export: replace any file")


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `history`."""
    return [
        Command(
            name="history",
            summary=SUBCOMMANDS["history"],
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            outputs=_ALL_FORMATS,
            run=_run,
        )
    ]
