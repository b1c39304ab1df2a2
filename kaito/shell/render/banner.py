"""The lines at the start of a chat."""

from __future__ import annotations

import time

from kaito.chat.session import Session
from kaito.types.conversations import Origin
from kaito.util.durations import human_duration
from kaito.util.sanitize import one_line, sanitize


def banner(session: Session) -> str:
    """Return the first lines of the banner: the workspace, the model, and the system prompt if there is one."""
    label = one_line(session.connection.endpoint.label)
    lines = [f"🤖 Connected to workspace: {label} ({one_line(session.model)})\n"]
    if prompt := session.conversation.system_prompt:
        lines.append(f"🎯 System prompt: {sanitize(prompt)}\n")
    return "".join(lines)


#: The last line of the banner. The location line follows it, then a blank line.
INSTRUCTION = "💬 Type your message (or 'quit' to exit):\n"


def resumed(session: Session, *, now: float | None = None) -> list[str]:
    """Return remarks on the earlier conversation that is continued, none for a new one.

    They identify it. If the user named it by its ID, they also name its server, which may be another one.

    Args:
        now: seconds since 1970; the present time by default.
    """
    turns, saved = session.conversation.turns, session.resumed
    if saved is None or not saved.turns or not turns:
        return []
    count = f"{turns} turn{'s' * (turns != 1)}"
    if saved.info is None:
        return [f"(continuing {count})"]
    info, then = saved.info, saved.info.origin
    ago = human_duration((time.time() if now is None else now) - info.updated)
    known = [_shown(then)] if saved.named else []
    known += [f"model {one_line(then.model)}"] if then.model and (saved.named or then.model != session.model) else []
    with_what = f", with {', '.join(known)}" if known else ""
    remarks = [f"(continuing {count} of {info.id}, {ago} ago{with_what}: {one_line(info.title)})"]
    origin = session.connection.origin(session.settings.current.target, session.model)
    if saved.named and origin.identity != then.identity:
        remarks.append(f"(its text, which was with {_shown(then)}, is sent to {_shown(origin)} from now on)")
    return remarks


def _shown(origin: Origin) -> str:
    """Return the name of what a conversation was with, and where that is."""
    kind = origin.kind if origin.kind == "workspace" else ""
    return one_line(f"{kind} {origin.shown}").strip()
