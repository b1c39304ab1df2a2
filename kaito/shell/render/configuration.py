"""The texts of `status` and `/status`."""

from __future__ import annotations

from kaito.chat.session import Session
from kaito.shell.render.statistics import token_counts, window_share, window_size
from kaito.util.sanitize import one_line, sanitize


def configuration(session: Session) -> str:
    """Return the text of `status`."""
    current = session.settings.current
    return (
        "Configuration:\n"
        f"  Workspace: {one_line(session.connection.endpoint.label)}\n"
        f"  Model: {one_line(session.model)}\n"
        f"  Temperature: {current.temperature}\n"
        f"  Max tokens: {current.max_tokens}\n"
        f"  Top-p: {current.top_p}\n"
        f"  System prompt: {sanitize(session.conversation.system_prompt or '(none)')}\n"
    )


def details(session: Session) -> str:
    """Return the lines that `/status` adds."""
    endpoint, window, last = session.connection.endpoint, session.window, session.conversation.last
    lines = [
        *(f"{name.capitalize()}: {one_line(value)}" for name, value in endpoint.place),
        f"Endpoint: {one_line(endpoint.shown_url)}",
        f"Backend: {session.connection.backend}",
        *([f"Answered by: {one_line(endpoint.via())}"] if endpoint.via else []),
        f"Window: {window_size(window)}",
        f"Turns: {session.conversation.turns}",
    ]
    usage = last.reply.usage if last is not None and last.reply is not None else None
    if usage is not None:
        share = f", {window_share(usage.prompt_tokens + usage.completion_tokens, window)}" if window else ""
        lines.append(f"Last turn: {token_counts(usage)}{share}")
    if changed := session.settings.changed:
        lines.append("Settings: " + ", ".join(f"{name} {one_line(text)}" for name, text in changed.items()))
    return "".join(f"  {line}\n" for line in lines)
