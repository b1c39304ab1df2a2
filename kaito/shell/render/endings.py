"""Remarks on the end of an answer: it was cut, was filtered, or is empty."""

from __future__ import annotations

from kaito.chat.session import Session
from kaito.errors import ModelError
from kaito.openai.finish_reasons import Ending, ending_of
from kaito.types import Reply


def remark_on_ending(session: Session, reply: Reply, *, suggests_commands: bool) -> str:
    """Return one line about the end of a complete answer, `""` if it ended as usual.

    Args:
        suggests_commands: whether it may suggest slash commands.
    """
    match ending_of(reply.finish_reason or ""):
        case Ending.LENGTH:
            return _cut(session, reply, suggests_commands=suggests_commands)
        case Ending.FILTERED:
            return "the server's content filter cut the answer" if session.kept else _FILTERED
        case Ending.TOOL if not reply.tool_calls:
            return _TOOL
    return ""


_FILTERED = "the server's content filter withheld the answer"
_TOOL = "the model called a tool; kaito runs none"


def _cut(session: Session, reply: Reply, *, suggests_commands: bool) -> str:
    tokens = reply.usage.completion_tokens if reply.usage else 0
    after = f" after {tokens} token{'s' * (tokens != 1)}" if tokens else ""
    early = "" if session.kept else ", before the answer began"
    if _fills_window(session, reply):
        frees = "'clear' or '/set trim on' frees it" if suggests_commands else "--trim drops the oldest turns"
        # At a prompt, removing this turn helps the next one. In a script, --trim needs an earlier turn to drop.
        frees = f"; {frees}" if session.conversation.turns > (0 if suggests_commands else 1) else ""
        return f"cut by the context window of {session.window} tokens{after}{early}{frees}"
    limit = "/set max-tokens" if suggests_commands else "--max-tokens"
    more = "/continue continues, " if suggests_commands and session.kept else ""
    return f"cut by the token limit{after}{early}; {more}{limit} raises the limit"


def _fills_window(session: Session, reply: Reply) -> bool:
    """Return whether prompt and answer fill the window. Some servers leave its last token free."""
    usage, window = reply.usage, session.window
    return usage is not None and window is not None and usage.prompt_tokens + usage.completion_tokens >= window - 1


def empty_answer(session: Session) -> ModelError:
    """Return the error for a complete answer without a word."""
    reply = session.reply
    ending = ending_of(reply.finish_reason or "") if reply is not None else Ending.COMPLETE
    if ending is Ending.TOOL:
        return ModelError("The answer is empty: the model called a tool, and kaito runs none", "Ask without tools")
    if ending is Ending.FILTERED:
        return ModelError(f"The answer is empty: {_FILTERED}", "Change the message")
    if ending is Ending.LENGTH:
        hint = "Raise --max-tokens"
        return ModelError("The answer is empty: the token limit was met before it began", hint)
    if reply is not None and reply.reasoning.strip():
        return ModelError("The answer is empty: the model sent only its reasoning", "Send the message again")
    return ModelError("The answer is empty", "Send the message again, or change it")
