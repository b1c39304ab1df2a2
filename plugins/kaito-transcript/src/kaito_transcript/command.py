"""`kaito transcript`: shows the totals of transcripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import Command, CommandContext, ExitCode, KaitoError, OptionGroup, hookimpl, toolkit

if TYPE_CHECKING:
    from kaito_transcript.totals import Total

#: The most damaged lines that are shown.
_SHOWN = 10

_EXAMPLES = """
    # Keep the answers of a chat, and see what they add up to
    kaito chat --workspace-name my-llama --transcript ~/transcripts/
    kaito transcript ~/transcripts/
"""


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `kaito transcript`."""
    return [
        Command(
            name="transcript",
            summary="Show the totals of transcripts",
            description="Show the turns, tokens and seconds of each model in a file, or in the .jsonl files of a "
            "folder, that --transcript wrote.",
            examples=_EXAMPLES,
            options=_add_options,
            outputs=("json", "yaml"),
            run=_run,
        )
    ]


def _add_options(options: OptionGroup) -> None:
    options.add_argument("FILE", help="The file or the folder")


def _run(context: CommandContext) -> int:
    from dataclasses import asdict

    from kaito_transcript.files import transcripts
    from kaito_transcript.totals import Total, totals

    path = toolkit.path_of("FILE", context.option("file"))
    damaged: list[str] = []
    try:
        files = list(transcripts(path))
    except OSError as exc:
        raise KaitoError(f"Cannot read '{path}': {exc.strerror}") from None
    found = totals(files, damaged.append)
    for message in damaged[:_SHOWN]:
        context.notice(f"Left out: {message}")
    if len(damaged) > _SHOWN:
        context.notice(f"Left out: {len(damaged) - _SHOWN} more lines")
    if context.output == "plain":
        if not found:
            context.notice(f"There are no answers in '{path}'")
            return ExitCode.FAILED if damaged else ExitCode.OK
        if len(found) > 1:
            found.append(_sum(found, Total(model="total")))
    context.write_object([{**asdict(each), "seconds": round(each.seconds, 3)} for each in found])
    return ExitCode.FAILED if damaged else ExitCode.OK


def _sum(found: Iterable[Total], total: Total) -> Total:
    for each in found:
        total.turns += each.turns
        total.prompt_tokens += each.prompt_tokens
        total.completion_tokens += each.completion_tokens
        total.seconds += each.seconds
    return total
