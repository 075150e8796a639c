# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What APL's operators make of two values. Where types do not go together it is a QueryError, never a guess."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from axiom_emulator.apl_values import Instant, Span, is_number, type_name
from axiom_emulator.query_errors import QueryError

_ORDERED = (str, bool, Instant, Span)
_ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _clash(symbol: str, left: Any, right: Any) -> QueryError:
    return QueryError(f"{symbol} between {type_name(left)} and {type_name(right)}: convert one of them first")


def comparable(symbol: str, left: Any, right: Any) -> None:
    """Raise QueryError where two values that are not null are of different types, numbers taken as one."""
    if not (is_number(left) and is_number(right)) and type(left) is not type(right):
        raise _clash(symbol, left, right)


def equal(left: Any, right: Any) -> bool | None:
    """``==``: null for two nulls, false for one."""
    if left is None or right is None:
        return None if left is right else False
    comparable("==", left, right)
    return bool(left == right)


def order(symbol: str, left: Any, right: Any) -> bool | None:
    """``<``, ``<=``, ``>``, ``>=``: null where a side is."""
    if left is None or right is None:
        return None
    comparable(symbol, left, right)
    if not is_number(left) and not isinstance(left, _ORDERED):
        raise _clash(symbol, left, right)
    return bool(_ORDERINGS[symbol](left, right))


def negate(value: Any) -> bool | None:
    """Return the opposite of a bool; null stays null."""
    if value is not None and not isinstance(value, bool):
        raise QueryError(f"a condition is a boolean, not {type_name(value)}")
    return None if value is None else not value


def arithmetic(symbol: str, left: Any, right: Any) -> Any:
    """``+ - * / %``: null where a side is, or where the divisor is zero."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        return _numbers(symbol, left, right)
    kinds = (type(left), type(right))
    if symbol in "+-" and kinds in ((Instant, Span), (Span, Span)):
        sign = 1 if symbol == "+" else -1
        return type(left)(left.nanoseconds + sign * right.nanoseconds)
    if symbol == "+" and kinds == (Span, Instant):
        return Instant(left.nanoseconds + right.nanoseconds)
    if symbol == "-" and kinds == (Instant, Instant):
        return Span(left.nanoseconds - right.nanoseconds)
    if symbol == "/" and kinds == (Span, Span):
        return left.nanoseconds / right.nanoseconds if right.nanoseconds else None
    if symbol == "*" and isinstance(left, Span) and is_number(right):
        return Span(int(left.nanoseconds * right))
    if symbol == "*" and is_number(left) and isinstance(right, Span):
        return Span(int(left * right.nanoseconds))
    raise _clash(symbol, left, right)


def _numbers(symbol: str, left: Any, right: Any) -> Any:
    if symbol == "+":
        return left + right
    if symbol == "-":
        return left - right
    if symbol == "*":
        return left * right
    if right == 0:
        return None
    if symbol == "%":
        return (
            math.fmod(left, right) if isinstance(left, float) or isinstance(right, float) else _remainder(left, right)
        )
    if isinstance(left, int) and isinstance(right, int):
        if left % right:
            raise QueryError(f"{left} / {right}: whether integers divide to a real is not documented, write toreal()")
        return left // right
    return left / right


def _remainder(left: int, right: int) -> int:
    return int(math.copysign(abs(left) % abs(right), left))


def _string(symbol: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise QueryError(f"{symbol} takes strings, not {type_name(value)}: write tostring()")
    return value


def text_operator(name: str) -> Callable[[Any, Any], bool | None]:
    """Return the function for ``contains``, ``has_cs``, ``=~``, without a ``!``; false where a side is null."""
    test, sensitive = _TESTS[name.removesuffix("_cs")], name.endswith("_cs") or name == "matches regex"

    def apply(left: Any, right: Any) -> bool | None:
        text, part = _string(name, left), _string(name, right)
        if text is None or part is None:
            return None if text is part and name == "=~" else False
        return test(text, part) if sensitive else test(text.casefold(), part.casefold())

    return apply


@cache
def _term(part: str) -> re.Pattern[str]:
    """A term is a run of letters and digits; anything else is a boundary."""
    before = r"(?<![^\W_])" if part[:1].isalnum() else ""
    after = r"(?![^\W_])" if part[-1:].isalnum() else ""
    return re.compile(before + re.escape(part) + after)


@cache
def regular_expression(pattern: str) -> re.Pattern[str]:
    """Compile what Python and RE2 agree on; QueryError on what they may not."""
    if re.search(r"\\[1-9pPQEzCA]|\(\?[^:imsP]|\(\?P[^<]|\[\[:|[*+?}]\+", pattern):
        raise QueryError(f"the regular expression {pattern!r} uses what not every engine understands alike")
    try:
        return re.compile(pattern, re.ASCII)
    except re.error as error:
        raise QueryError(f"the regular expression {pattern!r} is not valid: {error}") from error


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=~": operator.eq,
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "has": lambda text, part: bool(part) and _term(part).search(text) is not None,
    "matches regex": lambda text, part: regular_expression(part).search(text) is not None,
}
