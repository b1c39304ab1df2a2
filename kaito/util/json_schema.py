"""JSON schemas, with the package `jsonschema`, which is optional and imported only when a schema is used."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

#: Faults among which the most telling is looked for: a value may have any number.
_MOST_FAULTS = 100


class MissingPackageError(Exception):
    """The package `jsonschema` is not installed."""


class Fault(Struct, frozen=True):
    """What is wrong with a value."""

    #: Where, such as `$.items[2].price`.
    path: str
    #: Such as `'x' is not of type 'number'`. It quotes the value, and may be long.
    reason: str


def schema_fault(schema: Any) -> Fault | None:
    """Return what is wrong with a schema itself, by the draft that its `$schema` names; `None` for a valid one.

    Raises:
        MissingPackageError: `jsonschema` is not installed.
    """
    validator = _validator_class(schema)
    # The formats are those of regular expressions and references.
    return _best(validator(validator.META_SCHEMA, format_checker=validator.FORMAT_CHECKER).iter_errors(schema))


def first_fault(schema: Any, value: Any) -> Fault | None:
    """Return what is wrong with a value; `None` if it matches the schema. References to other servers are not followed.

    Raises:
        MissingPackageError: `jsonschema` is not installed.
    """
    validator_class = _validator_class(schema)
    from jsonschema import validators
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable

    # The package's own compares each two elements.
    extend: Callable[..., type[Validator]] = validators.extend  # its types are not published
    bounded = extend(validator_class, {"uniqueItems": _unique_items})
    try:
        # Without a registry, the package would fetch schemas from the network.
        return _best(bounded(schema, registry=REGISTRY).iter_errors(value))
    except Unresolvable as exc:
        return Fault("$", f"the schema refers to '{exc.ref}', which is not in it")
    except RecursionError:
        return Fault("$", "it is nested too deeply")
    except ArithmeticError:
        return Fault("$", "a number is too large to be compared")


def _validator_class(schema: Any) -> type[Validator]:
    try:
        from jsonschema import validators
    except ImportError:
        raise MissingPackageError from None
    default: type[Validator] = validators.Draft202012Validator
    found: type[Validator] = validators.validator_for(schema, default=default)
    return found


def _best(errors: Iterable[ValidationError]) -> Fault | None:
    from jsonschema.exceptions import best_match

    error = best_match(islice(errors, _MOST_FAULTS))
    return None if error is None else Fault(error.json_path, error.message)


def _unique_items(validator: Validator, unique: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    is_list = unique and validator.is_type(value, "array")
    if is_list and len({_canonical(element) for element in value}) < len(value):
        yield ValidationError("it has equal elements")


def _canonical(value: Any) -> str:
    """Return a text that is the same for equal values only. For JSON, 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_with_whole_numbers(value), sort_keys=True)


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_with_whole_numbers(element) for element in value]
    if isinstance(value, dict):
        return {name: _with_whole_numbers(element) for name, element in value.items()}
    return value
