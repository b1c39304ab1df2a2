"""Structured answers: checks a complete answer against the JSON schema that was asked for."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from kaito.errors import KaitoError, ShellHint
from kaito.openai.finish_reasons import Ending, ending_of
from kaito.types import Reply, ResponseSchema
from kaito.util import limits
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.json_schema import first_fault
from kaito.util.sanitize import one_line

#: The most characters of a fault that are shown, as it quotes the answer.
_MAX_SHOWN = 300


def parsed_reply(reply: Reply, schema: ResponseSchema, begun: str = "") -> Reply:
    """Return a complete reply with its content parsed. One that calls tools, or is empty, is returned unchanged.

    Args:
        begun: the beginning of the answer, if the reply continues it.

    Raises:
        KaitoError: the answer is not JSON, or does not match the schema.
    """
    text = begun + reply.content
    if reply.tool_calls or not text.strip():
        return reply
    hint = ShellHint("It is not part of the conversation; send the message again (/retry)", "Send the message again")
    if ending_of(reply.finish_reason or "") is Ending.LENGTH:
        cut = "The token limit cut it; "
        hint = ShellHint(f"{cut}/continue continues it, and --max-tokens raises the limit", f"{cut}raise --max-tokens")
    return replace(reply, parsed=_parsed(text, schema, hint))


def _parsed(text: str, schema: ResponseSchema, hint: str) -> Any:
    try:
        if text.count(",") > limits.CHECKED_VALUES:
            raise DecodeError("it has too many values")
        value = decode_json(text, object)
    except DecodeError as exc:
        raise _mismatch(f"$: {exc.reason}", hint) from None
    fault = first_fault(schema.schema, value)
    if fault is not None:
        raise _mismatch(f"{fault.path}: {fault.reason}", hint)
    return value


def _mismatch(fault: str, hint: str) -> KaitoError:
    shown = one_line(fault)
    if len(shown) > _MAX_SHOWN:
        shown = shown[:_MAX_SHOWN] + "…"
    return KaitoError(f"The answer does not match the JSON schema: {shown}", hint)
