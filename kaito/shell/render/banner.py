"""What is said of an earlier conversation that goes on."""

from __future__ import annotations

from kaito.chat.session import Session
from kaito.console.sanitize import one_line


def resumed(session: Session) -> str:
    """Return one line about what the session goes on with: how much it is and, if others, with whom; `""` for none."""
    turns, past = session.conversation.turns, session.resumed
    if not past.turns or not turns:
        return ""
    others = []
    if past.workspace is not None and past.workspace != session.connection.endpoint.label:
        others.append(f"workspace {one_line(past.workspace)}")
    if past.model is not None and past.model != session.model:
        others.append(f"model {one_line(past.model)}")
    whose = f", which {'was' if turns == 1 else 'were'} with {', '.join(others)}" if others else ""
    return f"(going on with {turns} turn{'s' * (turns != 1)}{whose})"
