"""Commands for the conversation: `/retry`, `/undo`, `/continue`, `/history`, `/system`, `/tokens`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.errors import KaitoError, UsageError
from kaito.types import Message, ShellAPI, SlashCommand

#: Characters of a message that are shown where it is only named.
_SHOWN = 60


def retry(arguments: str, shell: ShellAPI) -> None:
    """Send the last message again

    After a turn that failed or was interrupted: its message. After a complete one: the new answer takes the place of
    the old one, which stays if the new turn fails.
    """
    shell.retry()


def undo(arguments: str, shell: ShellAPI) -> None:
    """Take back the last turn: your message and the answer"""
    *rest, last = _turns(shell)
    if not last:
        raise UsageError("There is no turn to take back")
    shell.replace([*_system(shell), *(message for turn in rest for message in turn)])
    shell.notice(f"Taken back: {_brief(last[0].content)}")


def go_on(arguments: str, shell: ShellAPI) -> None:
    """Have the model go on with an answer that was cut

    By the limit (see /set max-tokens) or by Ctrl-C. What comes is joined to the answer.
    """
    shell.go_on()


def history(arguments: str, shell: ShellAPI) -> None:
    """Show the conversation"""
    if not shell.conversation:
        shell.notice("Nothing has been said")
    blocks = [_HEADS[message.role] + message.content.strip("\n") for message in _system(shell)]
    blocks += ["\n".join(_HEADS[message.role] + message.content.strip() for message in turn) for turn in _turns(shell)]
    shell.write("\n".join(f"{block}\n" for block in blocks if block))


_HEADS = {"system": "System prompt: ", "user": "> ", "assistant": "Assistant: "}


def system(arguments: str, shell: ShellAPI) -> None:
    """Show the system prompt, or replace it

    It holds from the next message on; the conversation stays. 'none' takes it away.
    """
    if not arguments:
        shell.write("".join(f"{message.content}\n" for message in _system(shell)) or "(none)\n")
        return
    gone = arguments.lower() in ("none", '""', "''")
    turns = shell.conversation[len(_system(shell)) :]
    shell.replace([*([] if gone else [Message("system", arguments)]), *turns])
    shell.notice("There is no system prompt now" if gone else "The system prompt was replaced")


def tokens(arguments: str, shell: ShellAPI) -> None:
    """Show the conversation's tokens, as the server counts them"""
    window = next((info.window for info in shell.models if info.name == shell.model), None)
    lines = []
    usage = shell.reply.usage if shell.reply is not None else None
    if usage is not None:
        cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens} cached)"
        lines.append(f"Last turn: {usage.prompt_tokens} prompt{cached} + {usage.completion_tokens} completion")
    counted = shell.count_tokens() if shell.conversation else 0
    if counted is not None:
        lines.append(f"Conversation: {counted}" + (f" of {window} ({counted / window:.0%})" if window else ""))
    elif usage is None:
        raise KaitoError("The server tells no count of the conversation's tokens")
    if window is None:
        lines.append("Window: not told by the server")
    elif counted is None:
        lines.append(f"Window: {window}")
    shell.write("Tokens:\n" + "".join(f"  {line}\n" for line in lines))


def _system(shell: ShellAPI) -> list[Message]:
    return [message for message in shell.conversation[:1] if message.role == "system"]


def _turns(shell: ShellAPI) -> list[tuple[Message, ...]]:
    messages = shell.conversation[len(_system(shell)) :]
    return [messages[place : place + 2] for place in range(0, len(messages), 2)] or [()]


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Offer them."""
    return [
        SlashCommand(name="retry", run=retry),
        SlashCommand(name="undo", run=undo),
        SlashCommand(name="continue", run=go_on),
        SlashCommand(name="history", run=history),
        SlashCommand(name="system", run=system, arguments="[TEXT]"),
        SlashCommand(name="tokens", run=tokens),
    ]
