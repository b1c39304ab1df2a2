"""Commands for the conversation: `/retry`, `/undo`, `/continue`, `/history`, `/system`, `/tokens`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import hookimpl
from kaito.console.sanitize import one_line
from kaito.console.width import cut
from kaito.errors import KaitoError
from kaito.shell.render.figures import counts, used, window
from kaito.types import Message, ShellContext, SlashCommand

#: Columns of a message that are shown where it is only named.
_SHOWN = 60


def retry(arguments: str, shell: ShellContext) -> None:
    """Send the last message again

    After a turn that failed, or was stopped before a word of its answer: its message. Else the new answer takes the
    place of the old one, which stays if the new turn fails or is stopped.
    """
    shell.retry()


def undo(arguments: str, shell: ShellContext) -> None:
    """Take back the last turn: your message and the answer

    After a turn that failed, or was stopped before a word of its answer: its message, which /retry then does not send.
    """
    shell.notice(f"Taken back: {cut(one_line(shell.undo()), _SHOWN)}")


def continue_answer(arguments: str, shell: ShellContext) -> None:
    """Have the model go on with an answer that was cut

    By the limit (see /set max-tokens) or by Ctrl-C. What comes is joined to the answer.
    """
    shell.continue_answer()


def history(arguments: str, shell: ShellContext) -> None:
    """Show the conversation"""
    if not shell.conversation:
        shell.notice("Nothing has been said")
    blocks = [_HEADS[message.role] + message.content.strip("\n") for message in _system(shell)]
    blocks += ["\n".join(_HEADS[message.role] + message.content.strip() for message in turn) for turn in _turns(shell)]
    shell.write("\n".join(f"{block}\n" for block in blocks if block))


_HEADS = {"system": "System prompt: ", "user": "> ", "assistant": "Assistant: "}


def system(arguments: str, shell: ShellContext) -> None:
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


def tokens(arguments: str, shell: ShellContext) -> None:
    """Show the conversation's tokens, as the server counts them"""
    usage = shell.reply.usage if shell.reply is not None else None
    lines = [] if usage is None else [f"Last turn: {counts(usage)}"]
    counted, whose = shell.count_tokens() if shell.conversation else 0, ""
    if counted is None and usage is not None:
        # What the last turn took is what there is to go on with.
        counted, whose = usage.prompt_tokens + usage.completion_tokens, ", by the last turn's count"
    if counted is None:
        hint = "It has no /tokenize, which is vLLM's; the next answer may bring a count"
        raise KaitoError("The server tells no count of the conversation's tokens", hint)
    part = f", {used(counted, shell.window)}" if shell.window else ""
    lines.append(f"Conversation: {counted} tokens{part}{whose}")
    lines.append(f"Window: {window(shell.window)}")
    shell.write("Tokens:\n" + "".join(f"  {line}\n" for line in lines))


def _system(shell: ShellContext) -> list[Message]:
    return [message for message in shell.conversation[:1] if message.role == "system"]


def _turns(shell: ShellContext) -> list[tuple[Message, ...]]:
    messages = shell.conversation[len(_system(shell)) :]
    return [messages[place : place + 2] for place in range(0, len(messages), 2)]


@hookimpl
def kaito_slash_commands() -> Iterable[SlashCommand]:
    """Offer them."""
    return [
        SlashCommand(name="retry", run=retry),
        SlashCommand(name="undo", run=undo),
        SlashCommand(name="continue", run=continue_answer),
        SlashCommand(name="history", run=history),
        SlashCommand(name="system", run=system, arguments="[TEXT]"),
        SlashCommand(name="tokens", run=tokens),
    ]
