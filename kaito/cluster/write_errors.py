"""Turns the API server's refusal of an object into exceptions that quote the server and its admission plugins."""

from __future__ import annotations

import re

from msgspec import Struct

from kaito.errors import ConflictError, ForbiddenError, KaitoError
from kaito.util.decoding import DecodeError, decode_json
from kaito.util.sanitize import one_line

#: The most characters of a line of a refusal, and the most lines. A webhook may list all instance types that it knows.
_LINE = 2000
_LINES = 20
#: The beginning of the API server's refusal of a field that the kind does not have. Its status is 500.
_NOT_TYPED = "failed to create typed patch object"
#: A refusal because the user's roles lack a permission, not because of a policy for objects.
_BY_ROLE = re.compile(r'User "[^"]*" cannot \S+ resource ')
# For example: conflict with "kubectl" using kaito.sh/v1beta1
_OTHER_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]*)"')


class _Cause(Struct, frozen=True):
    reason: str = ""
    message: str = ""
    #: Such as `.resource.instanceType`.
    field: str = ""


class _Details(Struct, frozen=True):
    causes: tuple[_Cause, ...] = ()


class _Refusal(Struct, frozen=True):
    """The body of an error response."""

    message: str = ""
    details: _Details = _Details()


def write_error(status: int, body: bytes, what: str) -> KaitoError | None:
    """Return the exception for a refused object; `None` for an error that is not about the object.

    Args:
        status: the HTTP status.
        what: the object, such as `Workspace 'my-llama'`.
    """
    try:
        refusal = decode_json(body, _Refusal)
    except DecodeError:
        return None
    if status == 409:
        return _conflict(refusal, what)
    if status == 403 and not _BY_ROLE.search(refusal.message):
        return ForbiddenError(*_refused(refusal, what), "A rule of this cluster forbids it; ask its administrator")
    if status in (400, 422):
        return KaitoError(*_refused(refusal, what), "Correct what it names; 'kubectl explain' describes each field")
    if status == 500 and refusal.message.startswith(_NOT_TYPED):
        return KaitoError(*_refused(refusal, what), "This cluster's definition of the kind differs from the object")
    return None


def _refused(refusal: _Refusal, what: str) -> list[str]:
    """Return the message and the hints, which are the lines of the refusal."""
    causes = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in refusal.details.causes]
    lines = causes if len(causes) > 1 else refusal.message.splitlines()
    shown = [one_line(line)[:_LINE] for line in lines if line.strip()][:_LINES] or ["no reason given"]
    if len(shown) == 1:
        return [f"The API server refuses {what}: {shown[0]}"]
    return [f"The API server refuses {what}", *shown]


def _conflict(refusal: _Refusal, what: str) -> KaitoError:
    fields = []
    for cause in refusal.details.causes[:_LINES]:
        other = _OTHER_MANAGER.search(cause.message)
        fields.append(one_line(f"{cause.field} belongs to {other['manager'] if other else 'another manager'}")[:_LINE])
    if not fields:
        return ConflictError(*_refused(refusal, what))
    return ConflictError(f"Someone else has set fields of {what}", *fields)
