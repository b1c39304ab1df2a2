"""The lines at the start of a chat."""

from __future__ import annotations

from kaito.chat.session import Session
from kaito.util.sanitize import one_line, sanitize


def banner(session: Session) -> str:
    """Return the first lines of the banner: the workspace, the model, and the system prompt if there is one."""
    label = one_line(session.connection.endpoint.label)
    lines = [f"🤖 Connected to workspace: {label} ({one_line(session.model)})\n"]
    if prompt := session.conversation.system_prompt:
        lines.append(f"🎯 System prompt: {sanitize(prompt)}\n")
    return "".join(lines)


#: The last line of the banner. Where the chat is stands below it, then a blank line.
INSTRUCTION = "💬 Type your message (or 'quit' to exit):\n"


def resumed(session: Session) -> str:
    """Return a remark on the earlier conversation that is continued, with its workspace and model if they differ.

    It is `""` for a new conversation.
    """
    turns, earlier = session.conversation.turns, session.resumed
    if earlier is None or not earlier.turns or not turns:
        return ""
    others = []
    if earlier.workspace is not None and earlier.workspace != session.connection.endpoint.label:
        others.append(f"workspace {one_line(earlier.workspace)}")
    if earlier.model is not None and earlier.model != session.model:
        others.append(f"model {one_line(earlier.model)}")
    origin = f", which {'was' if turns == 1 else 'were'} with {', '.join(others)}" if others else ""
    return f"(continuing {turns} turn{'s' * (turns != 1)}{origin})"
