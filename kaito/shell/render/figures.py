"""What an answer's figures say, in words: only what was told or measured, nothing that would be guessed."""

from __future__ import annotations

from kaito.types import Reply, Usage


def figures(reply: Reply, window: int | None, *, streamed: bool) -> str:
    """Return one line about a complete answer, `""` when there is nothing to tell.

    Args:
        reply: the answer.
        window: tokens of the model's window.
        streamed: whether it was asked for as it arises; else its first token came with the last.
    """
    parts = []
    usage, first = reply.usage, reply.first_token_s if streamed else None
    if first is not None:
        parts.append(f"first token after {_seconds(first)}")
    else:
        parts.append(f"answered after {_seconds(reply.total_s)}")
    if usage is not None:
        # The first token came at the end of the wait for it: the time after it is that of the others.
        made, took = usage.completion_tokens, reply.total_s
        if first is not None:
            made, took = made - 1, took - first
        if made > 0 and took > 0:
            parts.append(f"{_rate(made / took)} tokens/s")
        parts.append(counts(usage))
        if window:
            parts.append(used(usage.prompt_tokens + usage.completion_tokens, window))
    return ", ".join(parts)


def counts(usage: Usage) -> str:
    """Return the server's count for one turn."""
    cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens} cached)"
    return f"{usage.prompt_tokens} prompt{cached} + {usage.completion_tokens} completion tokens"


def window(tokens: int | None) -> str:
    """Return the window's size."""
    return f"{tokens} tokens" if tokens else "not told by the server"


def used(tokens: int, window: int) -> str:
    """Return the part of the window that tokens take."""
    return f"{tokens / window:.0%} of the window"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
