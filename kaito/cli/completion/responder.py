"""The answers to a shell that completes a command line, by the protocol that kubectl and its shell scripts speak.

A suggestion a line, with its description after a tab; the last line is `:` and a number, cobra's `ShellCompDirective`
(https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from kaito.cli.completion.bash_line import BashLine
from kaito.cli.completion.suggestions import Suggestion, Suggestions, suggest
from kaito.console.sanitize import UNSAFE, one_line
from kaito.errors import Interrupted, KaitoError

#: Hidden subcommands: the words of a line, the last of which is completed; and a line as it stands in bash.
WORDS, BASH = "__complete", "__complete_bash"

#: What the last line says: the shell may complete names of files, or must not.
_FILES, _NO_FILES = 0, 4


def complete(command: str, arguments: Sequence[str], commands: Mapping[str, str]) -> int:
    """Print what a line may become, and nothing else, whatever happens; return the exit code.

    Args:
        command: :data:`WORDS` or :data:`BASH`.
        arguments: the line's words; for bash the line, `COMP_WORDBREAKS`, `COMP_TYPE` and the terminal's columns.
        commands: the subcommands, and what each does.
    """
    try:
        with _silence() as stdout:
            answer = _answer(command, arguments, commands)
            os.write(stdout, answer.encode("utf-8", "surrogateescape"))
    except OSError:
        pass  # nobody reads it
    except Interrupted:
        return 130
    return 0


def _answer(command: str, arguments: Sequence[str], commands: Mapping[str, str]) -> str:
    line = None
    if command == BASH:
        text, breaks, comp_type, columns = arguments
        line = BashLine(text, breaks)
        words = line.words[1:]
    else:
        words = list(arguments)
    try:
        found = suggest(words, commands, os.environ)
    except KaitoError:
        found = Suggestions()
    shown = [Suggestion(one.word, one_line(one.description)) for one in found.words if _can_be_typed(one.word)]
    if line is not None:
        lines = line.replies(shown, comp_type, int(columns))
    else:
        lines = [f"{one.word}\t{one.description}" if one.description else one.word for one in shown]
    return "\n".join([*lines, f":{_FILES if found.files else _NO_FILES}", ""])


def _can_be_typed(word: str) -> bool:
    return not UNSAFE.search(word) and "\n" not in word and "\t" not in word


@contextmanager
def _silence() -> Iterator[int]:
    """Yield a descriptor of stdout; what else writes to it or to stderr, such as a plugin, is not heard.

    Neither can anything ask for input: a program for credentials, say, has to do without.
    """
    stdout = os.dup(1)
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        yield stdout
    finally:
        os.close(stdout)
