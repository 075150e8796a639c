# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""APL's scalar functions that need nothing but their arguments' values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from axiom_emulator.apl_operators import negate, regular_expression
from axiom_emulator.apl_values import DAY, Instant, Span, is_number, read_instant, read_span, to_text, type_name
from axiom_emulator.query_errors import QueryError

INTEGERS = range(-(2**63), 2**63)
MANY = 64


class Function(NamedTuple):
    """How many arguments a function takes, and what it returns for their values."""

    least: int
    most: int
    apply: Callable[..., Any]


def _clash(name: str, wanted: str, value: Any) -> QueryError:
    return QueryError(f"{name}() takes {wanted}, not {type_name(value)}")


def coalesce(*values: Any) -> Any:
    """The first that is neither null nor an empty string; where there is none, an empty string if one was there."""
    for value in values:
        if value is not None and value != "":
            return value
    return "" if "" in values else None


def to_integer(value: Any) -> int | None:
    """Null where it is no integer; a string must be one strictly, a real is cut off."""
    number: int | None = None
    if isinstance(value, (Instant, Span)):
        number = value.nanoseconds
    elif isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value, re.ASCII)
    ):
        number = int(value)
    return number if number is not None and number in INTEGERS else None


def to_real(value: Any) -> float | None:
    """Null where it is no number."""
    if isinstance(value, (Instant, Span)):
        return float(value.nanoseconds)
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value, re.ASCII):
        number = float(value)
        return number if math.isfinite(number) else None
    return None


def to_bool(value: Any) -> bool | None:
    """Null where a string is none of the documented words."""
    if isinstance(value, (Instant, Span)):
        return value.nanoseconds != 0
    if isinstance(value, (bool, int, float)):
        return bool(value)
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    return False if value in ("0", "f", "F", "FALSE", "false", "False") else None


def to_instant(value: Any) -> Instant | None:
    """Numbers are nanoseconds since 1970; strings in one of the documented formats."""
    if isinstance(value, Instant) or value is None:
        return value
    if is_number(value):
        return Instant(int(value))
    if not isinstance(value, str):
        return None
    try:
        return read_instant(value)
    except ValueError:
        return None


def to_span(value: Any) -> Span | None:
    """Numbers are nanoseconds; strings like ``30m``."""
    if isinstance(value, Span) or value is None:
        return value
    if is_number(value):
        return Span(int(value))
    if not isinstance(value, str):
        return None
    try:
        return read_span(value)
    except ValueError:
        return None


def round_number(value: Any, digits: Any = 0) -> Any:
    """Half away from zero."""
    if value is None:
        return None
    if not is_number(value) or not isinstance(digits, int) or isinstance(digits, bool):
        raise _clash("round", "numbers", value if not is_number(value) else digits)
    if isinstance(value, int):
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def bin_value(value: Any, size: Any) -> Any:
    """The multiple of ``size`` at or below ``value``."""
    if value is None:
        return None
    if isinstance(value, Instant) and isinstance(size, Span):
        if size.nanoseconds <= 0 or DAY % size.nanoseconds:
            raise QueryError(f"bin() by {to_text(size)}: where bins begin is only clear for sizes that divide a day")
        return Instant(value.nanoseconds // size.nanoseconds * size.nanoseconds)
    if isinstance(value, Span) and isinstance(size, Span) and size.nanoseconds > 0:
        return Span(value.nanoseconds // size.nanoseconds * size.nanoseconds)
    if is_number(value) and is_number(size) and size > 0:
        return math.floor(value / size) * size if isinstance(size, float) else value // size * size
    raise QueryError(f"bin() of {type_name(value)} by {type_name(size)}: both numbers, or a datetime by a timespan")


def _text(name: str, function: Callable[[str], Any]) -> Function:
    def apply(value: Any) -> Any:
        if value is not None and not isinstance(value, str):
            raise _clash(name, "a string", value)
        return None if value is None else function(value)

    return Function(1, 1, apply)


def _number(name: str, function: Callable[[Any], Any]) -> Function:
    def apply(value: Any) -> Any:
        if value is not None and not is_number(value):
            raise _clash(name, "a number", value)
        return None if value is None else function(value)

    return Function(1, 1, apply)


def _split(source: Any, delimiter: Any) -> Any:
    if source is None:
        return None
    if not isinstance(source, str) or not isinstance(delimiter, str) or not delimiter:
        raise _clash("split", "a string and a delimiter", source)
    return source.split(delimiter)


def _replace_string(lookup: Any, rewrite: Any, text: Any) -> Any:
    if text is None:
        return None
    for value in (lookup, rewrite, text):
        if not isinstance(value, str):
            raise _clash("replace_string", "strings", value)
    return text.replace(lookup, rewrite) if lookup else text


def _extract(pattern: Any, group: Any, text: Any) -> Any:
    if text is None:
        return None
    if not isinstance(pattern, str) or not isinstance(group, int) or not isinstance(text, str):
        raise _clash("extract", "a regular expression, a group's number and a string", text)
    found = regular_expression(pattern).search(text)
    if found and group > len(found.groups()):
        raise QueryError(f"extract(): the expression has no group {group}")
    return found[group] if found else None


def _parse_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise QueryError("parse_json(): a value is not JSON, and what becomes of it is not documented") from error


def _array_length(value: Any) -> Any:
    if value is not None and not isinstance(value, list):
        raise _clash("array_length", "an array", value)
    return None if value is None else len(value)


def _whole(function: Callable[[float], int]) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, int) else function(value)


FUNCTIONS: dict[str, Function] = {
    "not": Function(1, 1, negate),
    "coalesce": Function(1, MANY, coalesce),
    "isnull": Function(1, 1, lambda value: value is None),
    "isnotnull": Function(1, 1, lambda value: value is not None),
    "isempty": Function(1, 1, lambda value: value is None or value == ""),
    "isnotempty": Function(1, 1, lambda value: value is not None and value != ""),
    "tostring": Function(1, 1, to_text),
    "toint": Function(1, 1, to_integer),
    "tolong": Function(1, 1, to_integer),
    "toreal": Function(1, 1, to_real),
    "todouble": Function(1, 1, to_real),
    "tobool": Function(1, 1, to_bool),
    "todatetime": Function(1, 1, to_instant),
    "totimespan": Function(1, 1, to_span),
    "strcat": Function(1, MANY, lambda *values: "".join(map(to_text, values))),
    "strlen": _text("strlen", len),
    "tolower": _text("tolower", str.lower),
    "toupper": _text("toupper", str.upper),
    "split": Function(2, 2, _split),
    "replace_string": Function(3, 3, _replace_string),
    "extract": Function(3, 3, _extract),
    "parse_json": Function(1, 1, _parse_json),
    "array_length": Function(1, 1, _array_length),
    "abs": _number("abs", abs),
    "floor": _number("floor", _whole(math.floor)),
    "ceiling": _number("ceiling", _whole(math.ceil)),
    "round": Function(1, 2, round_number),
    "bin": Function(2, 2, bin_value),
}

LITERAL_TYPES = {
    "bool": "tobool",
    "int": "toint",
    "long": "tolong",
    "real": "toreal",
    "double": "todouble",
    "timespan": "totimespan",
    "time": "totimespan",
}
"""How a typed literal such as ``long(11)`` or ``int(null)`` is read: by the function that converts."""
