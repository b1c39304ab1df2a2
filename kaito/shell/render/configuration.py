"""What `status` and `/status` show."""

from __future__ import annotations

from collections.abc import Mapping

from kaito.chat.session import Session
from kaito.console.sanitize import one_line, sanitize
from kaito.shell.render.figures import counts, used, window


def configuration(session: Session) -> str:
    """Return what the user's document has `status` show."""
    template = session.conversation.template
    return (
        "Configuration:\n"
        f"  Workspace: {one_line(session.connection.endpoint.label)}\n"
        f"  Model: {one_line(session.model)}\n"
        f"  Temperature: {template.temperature}\n"
        f"  Max tokens: {template.max_tokens}\n"
        f"  Top-p: {template.top_p}\n"
        f"  System prompt: {sanitize(session.conversation.system_prompt or '(none)')}\n"
    )


def details(session: Session, settings: Mapping[str, str]) -> str:
    """Return what `/status` shows below that.

    Args:
        session: what it is about.
        settings: those beyond the document's that are not what they usually are.
    """
    endpoint, size, last = session.connection.endpoint, session.window, session.conversation.last
    lines = [
        f"Endpoint: {one_line(endpoint.shown_url)}",
        f"Backend: {session.connection.backend}",
        *([f"Answered by: {one_line(endpoint.via())}"] if endpoint.via else []),
        f"Window: {window(size)}",
        f"Turns: {session.conversation.turns}",
    ]
    usage = last.reply.usage if last is not None and last.reply is not None else None
    if usage is not None:
        part = f", {used(usage.prompt_tokens + usage.completion_tokens, size)}" if size else ""
        lines.append(f"Last turn: {counts(usage)}{part}")
    if settings:
        lines.append("Settings: " + ", ".join(f"{name} {one_line(text)}" for name, text in settings.items()))
    return "".join(f"  {line}\n" for line in lines)
