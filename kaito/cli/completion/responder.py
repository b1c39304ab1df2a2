"""Answers a shell that completes a command line, in the protocol of kubectl and cobra.

One suggestion per line, with its description after a tab; the last line is `:` and a `ShellCompDirective`
(https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kaito.cli.completion.bash_line import BashLine
from kaito.cli.completion.suggestions import Suggestion, Suggestions, suggest
from kaito.errors import Interrupted, KaitoError
from kaito.util.sanitize import UNSAFE, one_line

#: The hidden subcommand for bash, which passes the line as the user typed it. Other shells pass its words.
_BASH_COMMAND = "__complete_bash"

#: cobra's `ShellCompDirectiveDefault`, which lets the shell complete file names, and `ShellCompDirectiveNoFileComp`.
_FILES, _NO_FILES = 0, 4
#: `ShellCompDirectiveNoSpace` and `ShellCompDirectiveKeepOrder`, which are added to these.
_NO_SPACE, _KEEP_ORDER = 2, 32


def complete(command: str, arguments: Sequence[str]) -> int:
    """Print the suggestions, and nothing else whatever happens; return the exit code.

    Args:
        command: `__complete` or `__complete_bash`.
        arguments: the words of the line, of which the last is completed; for bash the line up to the cursor,
            `COMP_WORDBREAKS`, `COMP_TYPE` and the terminal's width.
    """
    try:
        with _silenced() as stdout:
            response = _response(command, arguments)
            os.write(stdout, response.encode("utf-8", "surrogateescape"))
    except OSError:
        pass  # stdout is closed
    except Interrupted:
        return 130
    return 0


def _response(command: str, arguments: Sequence[str]) -> str:
    line = None
    words = list(arguments)
    if command == _BASH_COMMAND:
        text, word_breaks, comp_type, columns = arguments
        line = BashLine(text, word_breaks)
        words = line.words[1:]
    try:
        suggestions = suggest(words, os.environ)
    except KaitoError:
        suggestions = Suggestions()
    shown = [Suggestion(one.word, one_line(one.description)) for one in suggestions.words if _is_safe(one.word)]
    if line is not None:
        lines = line.replies(shown, comp_type, int(columns))
    else:
        lines = [f"{one.word}\t{one.description}" if one.description else one.word for one in shown]
    directive = _FILES if suggestions.files else _NO_FILES
    if suggestions.ordered and len(shown) > 1:
        directive += _KEEP_ORDER
    if len(shown) == 1 and shown[0].word.endswith(("/", os.sep)):  # a folder: more may follow
        directive += _NO_SPACE
    return "\n".join([*lines, f":{directive}", ""])


def _is_safe(word: str) -> bool:
    return not UNSAFE.search(word) and "\n" not in word and "\t" not in word


@contextmanager
def _silenced() -> Iterator[int]:
    """Yield a descriptor of stdout, with the standard streams redirected to the null device.

    Plugins and programs for credentials then cannot write to the terminal, or wait for input.
    """
    stdout = os.dup(1)
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        yield stdout
    finally:
        os.close(stdout)
