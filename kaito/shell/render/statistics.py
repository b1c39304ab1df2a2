"""The statistics of an answer as text: only what was reported or measured, never estimated."""

from __future__ import annotations

from kaito.types import Reply, Usage

#: The share of an answer from which its tokens are counted. Tokens are assumed to be spread evenly over the text.
_MEASURABLE = 0.25


def statistics_line(reply: Reply, window: int | None, *, streamed: bool) -> str:
    """Return one line of statistics, `""` when there are none.

    Args:
        window: the context window in tokens.
        streamed: whether the answer was streamed; otherwise all of it arrived at once.
    """
    parts = []
    usage, first = reply.usage, reply.first_token_s if streamed else None
    if first is not None:
        parts.append(f"first token after {_seconds(first)}")
    else:
        parts.append(f"answered after {_seconds(reply.total_s)}")
    if usage is not None:
        # The rate is that of the tokens after the first ones, whose time includes the wait.
        tokens, seconds = float(usage.completion_tokens), reply.total_s
        if first is not None and reply.later_share is not None and reply.later_s is not None:
            # If most of the answer came at once, only the whole time says something.
            if reply.later_share >= _MEASURABLE:
                tokens, seconds = tokens * reply.later_share, reply.later_s
        elif first is not None:
            tokens, seconds = tokens - 1, seconds - first
        if tokens > 0 and seconds > 0:
            parts.append(f"{_rate(tokens / seconds)} tokens/s")
        parts.append(token_counts(usage))
        if window:
            parts.append(window_share(usage.prompt_tokens + usage.completion_tokens, window))
    return ", ".join(parts)


def token_counts(usage: Usage) -> str:
    """Return the server's token counts of one turn."""
    cached = "" if usage.cached_tokens is None else f" ({usage.cached_tokens} cached)"
    return f"{usage.prompt_tokens} prompt{cached} + {usage.completion_tokens} completion tokens"


def window_size(tokens: int | None) -> str:
    """Return the size of the context window."""
    return f"{tokens} tokens" if tokens else "not reported by the server"


def window_share(tokens: int, window: int) -> str:
    """Return the share of the context window that tokens fill."""
    return f"{tokens / window:.0%} of the window"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if rate < 100 else f"{rate:.0f}"
