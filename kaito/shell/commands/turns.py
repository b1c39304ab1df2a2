"""Commands for the conversation: `/retry`, `/undo`, `/continue`, `/history`, `/system`, `/tokens`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import hookimpl
from kaito.errors import KaitoError
from kaito.toolkit import file_names, names_file, one_line, only_name, shorten, token_counts, window_share, window_size
from kaito.types import Message, SlashCommand

if TYPE_CHECKING:
    from kaito import ShellContext

#: Columns to which a removed message is shortened.
_COLUMNS = 60


def retry(arguments: str, shell: ShellContext) -> None:
    """Send the last message again

    A message whose turn failed, or was stopped before the first word, is sent again. Otherwise the new answer replaces
    the last one, which stays if the new turn fails or is stopped.
    """
    shell.retry()


def undo(arguments: str, shell: ShellContext) -> None:
    """Remove the last turn: your message and the answer

    Images that wait for a message are removed before it. After a turn that failed, or was stopped before the first
    word, its message is removed: /retry does not send it.
    """
    shell.notice(f"Removed: {shorten(one_line(shell.undo().shown), _COLUMNS)}")


def continue_(arguments: str, shell: ShellContext) -> None:
    """Continue an answer that was cut

    By the token limit (see /set max-tokens), by Ctrl-C, or by a failure. The continuation is appended to the answer.
    """
    shell.continue_answer()


def history(arguments: str, shell: ShellContext) -> None:
    """Show the conversation, or the turns with these words

    '/sessions WORDS' searches all conversations.
    """
    if words := arguments.casefold().split():
        found = [turn for turn in _turns(shell) if _has_words(turn, words)]
    else:
        found = [*([message] for message in _system(shell)), *_turns(shell)]
    if not shell.conversation:
        shell.notice("The conversation is empty")
    elif not found:
        shell.notice(f"No turn has '{one_line(arguments)}'")
    for number, turn in enumerate(found):
        if number:
            shell.write("\n")
        _show_turn(shell, turn)


def _has_words(turn: list[Message], words: list[str]) -> bool:
    text = "\n".join(message.shown for message in turn).casefold()
    return all(word in text for word in words)


def _show_turn(shell: ShellContext, turn: list[Message]) -> None:
    for message in turn:
        if message.role == "user":
            shell.write_typed(message.shown.strip())
        else:
            shell.write(f"{_HEADS[message.role]}{message.shown.strip()}\n")


_HEADS = {"system": "System prompt: ", "assistant": "Assistant: ", "tool": "Result: "}


def system(arguments: str, shell: ShellContext) -> None:
    """Show the system prompt, or replace it

    It applies from the next message on; the conversation stays. 'none' removes it. '@FILE' reads it from a file, with
    the values of --variable; '@@' is an '@' that begins a text.
    """
    if not arguments:
        shell.write("".join(f"{message.content}\n" for message in _system(shell)) or "(none)\n")
        return
    removed = arguments.lower() in ("none", '""', "''")
    if names_file(arguments):
        arguments = f"@{only_name('/system', arguments[1:])}"
    text = "" if removed else shell.read_prompt(arguments)
    turns = shell.conversation[len(_system(shell)) :]
    shell.replace([*([] if removed else [Message("system", text)]), *turns])
    shell.notice("System prompt removed" if removed else "System prompt replaced")


def _complete_system(typed: str, shell: ShellContext) -> Iterable[str]:
    return [f"@{name}" for name in file_names(typed[1:], only=True)] if names_file(typed) else []


def tokens(arguments: str, shell: ShellContext) -> None:
    """Show the conversation's tokens, by the server's count"""
    usage = shell.reply.usage if shell.reply is not None else None
    lines = [] if usage is None else [f"Last turn: {token_counts(usage)}"]
    counted, source = shell.count_tokens() if shell.conversation else 0, ""
    if counted is None and usage is not None:
        counted, source = usage.prompt_tokens + usage.completion_tokens, ", by the last turn's count"
    if counted is None:
        hint = "It has no /tokenize, which vLLM has; the next answer may include a count"
        raise KaitoError("The server does not count the conversation's tokens", hint)
    share = f", {window_share(counted, shell.window)}" if shell.window else ""
    lines.append(f"Conversation: {counted} tokens{share}{source}")
    lines.append(f"Window: {window_size(shell.window)}")
    shell.write("Tokens:\n" + "".join(f"  {line}\n" for line in lines), hang=4)


def _system(shell: ShellContext) -> list[Message]:
    return [message for message in shell.conversation[:1] if message.role == "system"]


def _turns(shell: ShellContext) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in shell.conversation[len(_system(shell)) :]:
        if message.role == "user":
            turns.append([])
        turns[-1].append(message)
    return turns


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Return the commands."""
    return [
        SlashCommand(name="retry", run=retry),
        SlashCommand(name="undo", run=undo),
        SlashCommand(name="continue", run=continue_),
        SlashCommand(name="history", run=history, arguments="[WORDS]"),
        SlashCommand(name="system", run=system, arguments="[TEXT]", complete=_complete_system),
        SlashCommand(name="tokens", run=tokens),
    ]
