"""Recognises errors about the context window by their wording, and reads the numbers in the message.

The same rules apply to all servers. The words next to a number tell what it counts, and a message is about the window
only if its numbers or its words say that something is too long. This is needed for servers that report no numbers in
fields, list no window, and cannot count tokens.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from msgspec import Struct

from kaito.openai.error_bodies import ErrorBody


class WindowNumbers(Struct, frozen=True):
    """The numbers in an error about the context window, in tokens; `None` for those that it lacks."""

    prompt: int | None = None
    window: int | None = None
    #: Whether `prompt` is an exact count rather than a lower bound or an estimate.
    exact: bool = True


def answer_limit(body: ErrorBody) -> int | None:
    """Return the most tokens that an answer may have, if this is what an error is about; otherwise `None`."""
    text = body.message.lower()
    if _OTHER_LIMITS.search(text) or _STRONG.search(text) or not _ABOUT_ANSWER.search(text):
        return None
    match = _ANSWER_LIMIT.search(text)
    digits = match[1].replace(",", "") if match is not None else ""
    return int(digits) or None if digits and len(digits) <= _MAX_DIGITS else None


class _Role(Enum):
    WINDOW = auto()
    PROMPT = auto()
    ANSWER = auto()
    TOTAL = auto()


def window_numbers(body: ErrorBody) -> WindowNumbers | None:
    """Return the numbers of an error about the context window; `None` for an error about something else."""
    if body.n_ctx is not None:
        return WindowNumbers(body.n_prompt_tokens, body.n_ctx)
    named = not _CODES.isdisjoint((body.code, body.type))
    text = body.message.lower()
    if not named and _OTHER_LIMITS.search(text):
        return None
    numbers, exact = _roles(_RANGE.sub(" at most ", text))
    window, prompt, answer = (numbers.get(role) for role in (_Role.WINDOW, _Role.PROMPT, _Role.ANSWER))
    if (total := numbers.get(_Role.TOTAL)) is not None and prompt is None:
        prompt, exact = (total - answer, exact) if answer is not None and answer < total else (total, False)
    if not named:
        fits = prompt is not None and window is not None and prompt + (answer or 0) <= window
        strong = _STRONG.search(text) is not None
        if window is None and not (strong and _TOO_LONG.search(text)) and not _NO_NUMBERS.search(text):
            return None
        if window is not None and not strong and (prompt is None or fits or not _ABOUT_LENGTH.search(text)):
            return None
        if fits and answer is not None:
            return None
    return WindowNumbers(prompt, window, exact or prompt is None)


#: The codes of OpenAI, llama.cpp and LiteLLM.
_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "contextwindowexceedederror"})
#: Messages about rates, quotas and money, which also mention tokens and limits.
_OTHER_LIMITS = re.compile(
    r"rate[ _-]?limit|\bper[ -](?:second|minute|min|hour|day|month)\b|\b[tr]p[mdsh]\b|too many requests|quota|credit"
    r"|billing|budget|throttl|concurren|\b(?:daily|hourly|monthly)\b|deadline|timed? ?out"
)
#: Names that only the context window has.
_STRONG = re.compile(
    r"context[ _-](?:length|window|size|limit)|maximum context|max_?model_?len|session_len|max_seq_len|\bn_ctx\b"
    r"|maximum (?:model|sequence) length|contextwindowexceeded|`inputs`|tokens?[ -]window"
    r"|\b(?:input|prompt|message)s?(?: tokens?)? (?:length|count)s? (?:should|must|has to|needs to|can ?not|may)\b"
)
_TOO_LONG = re.compile(r"exceed|surpass|too (?:long|large|many)|longer than|larger than|greater than|over the|beyond")
#: Messages without numbers.
_NO_NUMBERS = re.compile(
    r"\b(?:input|prompt|message|conversation)s?(?: \w+)? (?:is|are|was|were) too long|\binput too long|prompt too long"
    r"|\b(?:reduce|shorten|decrease|cut down|trim) (?:the (?:length|size) of )?(?:the |your )?(?:input |chat |text )?"
    r"(?:input|prompt|message|conversation|context)s?\b(?! (?:rate|frequency|count))"
)
_ABOUT_ANSWER = re.compile(
    r"max_?(?:new_?|completion_?|output_?)?tokens|\b(?:completion|output|response|generated|new) tokens"
)
_ABOUT_LENGTH = re.compile(r"token|too long|length")

# Alibaba: "Range of input length should be [1, 4096]"
_RANGE = re.compile(r"[\[(]\s*[01]\s*,\s*(?=\d+\s*[\])])|\bbetween [01] and ")
_ANSWER_LIMIT = re.compile(
    r"(?:at most|up to|no more than|not more than|\bmax(?:imum)?\b(?: [a-z]\w*){0,6}?|\blimit(?:ed)?(?: to)?\b|exceeds?"
    r"|less than|(?:greater|larger|higher|more) than|or equal to|<=?|>=?|≤|between [01] and|[\[(]\s*[01]\s*,|supports?"
    r"|supports? only|allows?(?: only)?|only supports?)"
    r"(?: or equal to| the| a| limit| maximum| max| value| is| are| of|:|=)*+ ?(\d{1,3}(?:,\d{3})++|\d++)(?!\w|\.\d)"
)

# A number that is not part of a name such as gpt-4, a version or a fraction.
_NUMBER = re.compile(r"(?<![\w.,/-])(\d{1,3}(?:,\d{3})++|\d++)(?!\w|\.\d)")
#: A number with more digits cannot be a number of tokens.
_MAX_DIGITS = 12
#: The most numbers that are read.
_MAX_NUMBERS = 40

# The words after a number name it, if they belong to it.
_UNIT = re.compile(
    r"\W{0,2}(?:characters?|chars?|bytes?|[kmg]i?b|images?|files?|parts?|seconds?|m?s|minutes?|hours?|requests?"
    r"|messages?|items?|turns?|times?|tools?|functions?|choices|words?|stop|users?|retries|attempts)\b|%"
)
_PLACE = r"(?:tokens? +)?(?:in|of|from|for) +(?:(?:the|your|text) +)*"
_AFTER = (
    (_Role.WINDOW, re.compile(r"\)?[ -]?(?:tokens?[ -]+)?(?:max(?:imum)?\b|limit\b|context\b|window\b)")),
    (_Role.PROMPT, re.compile(rf" ?`?(?:(?:input|prompt|inputs)`? +tokens?\b|{_PLACE}(?:inputs?|messages?|prompt)\b)")),
    (
        _Role.ANSWER,
        re.compile(
            r" ?`?(?:(?:output|completion|response|new|generated)`? +tokens?\b|max_(?:new_|completion_|output_)?tokens"
            rf"|{_PLACE}(?:completion|output|response|answer|generation)\b)"
        ),
    ),
)
# Otherwise, the nearest words before it in the same clause do.
_BEFORE = re.compile(
    r"(?P<WINDOW>context[ _-](?:length|window|size|limit)|max_?model_?len|session_len|max_seq_len|\bn_ctx\b"
    r"|\bmax(?:imum)?\b(?:\W{1,2}\w{1,15}){0,4}?\W{1,2}(?:length|len|tokens|size|limit)\b|\bmax(?:imum)?\b|\blimit\b"
    r"|at most|up to|less than|longer than|larger than|greater than|\bexceed\w*|\bsurpass\w*"
    r"|\b(?:supports?|handles?|accepts?|allows?|permits?|takes?|fits?)\b|\bwindow\b|\bcapacity\b|\ballowed\b|[<>]=?)"
    r"|(?P<ANSWER>max_(?:new_|completion_|output_)?tokens|\bcompletion|\boutput|\bgenerat\w*|\bnew tokens)"
    r"|(?P<PROMPT>\binputs?\b|\bprompt\b|\bmessages?\b|\bpassed\b|\bresulted in\b|\bgiven\b|\brequest\b|\bcontains\b"
    r"|\bsequence\b|\btokens? (?:count|usage)\b)"
    r"|(?P<TOTAL>\btotal\b|\brequested\b|\bsum\b)"
)
_CLAUSE_END = re.compile(r"[.;!?](?:\s|$)|\n")
_STATUS = re.compile(r"(?:code|status|http|error)\W{0,6}$|\bby $")
_VAGUE = re.compile(r"(?:at least|about|approximately|around|roughly|~|more than|estimated)\s*$")
#: How many characters before and after a number are searched.
_NEAR = 80


def _roles(text: str) -> tuple[dict[_Role, int], bool]:
    """Return the first number of each role, and whether the prompt's is an exact count."""
    found: dict[_Role, int] = {}
    exact = True
    matches = []
    for match in _NUMBER.finditer(text):
        matches.append(match)
        if len(matches) > _MAX_NUMBERS:
            break
    end = 0
    role: _Role | None = None
    for index, match in enumerate(matches):
        before = _CLAUSE_END.split(text[max(end, match.start() - _NEAR) : match.start()])[-1]
        following = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        after = text[match.end() : min(following, match.end() + _NEAR)]
        end = match.end()
        role = _role(before, after, role)
        digits = match[1].replace(",", "")
        if role is None or role in found or len(digits) > _MAX_DIGITS or not int(digits):
            continue
        found[role] = int(digits)
        if role in (_Role.PROMPT, _Role.TOTAL) and _VAGUE.search(before):
            exact = False
    return found, exact


def _role(before: str, after: str, previous: _Role | None) -> _Role | None:
    """Return the role of a number, given the text on both sides up to the next numbers, and the previous role."""
    if _STATUS.search(before) or _UNIT.match(after):
        return None
    for role, pattern in _AFTER:
        if pattern.match(after):
            return role
    if after.strip("`) ") == "+":  # Anthropic: "190000 + 20000 > 200000"
        return _Role.PROMPT
    if before.strip("`( ") == "+" and previous is _Role.PROMPT:
        return _Role.ANSWER
    nearest: _Role | None = None
    for words in _BEFORE.finditer(before):
        nearest = _Role[words.lastgroup or ""]
    if after.replace("tokens", "").strip("`) ") == ">" and nearest is not _Role.ANSWER:
        return _Role.PROMPT
    return nearest
