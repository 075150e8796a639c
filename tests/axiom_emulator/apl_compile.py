# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of APL made into functions of a row, or of a group's rows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from axiom_emulator import apl_operators
from axiom_emulator.apl_aggregates import AGGREGATES, CONDITIONAL, EXTREME_ROWS, NAMES
from axiom_emulator.apl_functions import FUNCTIONS, LITERAL_TYPES
from axiom_emulator.apl_tree import Call, Expression, Field, Index, Literal, Named, Operation
from axiom_emulator.apl_values import Instant, Span
from axiom_emulator.query_errors import Place, QueryError

Row = dict[str, Any]
Compute = Callable[[Any], Any]
"""Takes a row, or in a grouped scope a list of rows."""

COLUMN_TYPES = {"bool", "boolean", "datetime", "date", "dynamic", "int", "long", "real", "double", "string", "timespan"}


@dataclass(frozen=True)
class Scope:
    """What an expression may name: columns, the moment of the query, the size of ``bin_auto``."""

    columns: Collection[str]
    now: Instant
    bin_size: Span
    grouped: bool = False
    assigned: tuple[str, ...] = ()
    """Columns that the same operator made before: whether they can be named already is not documented."""


def compile_expression(expression: Expression, scope: Scope) -> Compute:
    """Return the function that computes an expression; QueryError where it names what there is not."""
    if isinstance(expression, Literal):
        value = expression.value
        return lambda subject: value
    if isinstance(expression, Field):
        return _field(expression, scope)
    if isinstance(expression, Index):
        return _index(expression, scope)
    if isinstance(expression, Call):
        return _call(expression, scope)
    return _operation(expression, scope)


def condition(expression: Expression, scope: Scope) -> Callable[[Any], bool]:
    """Return the function that tells whether a condition is true; null counts as false."""
    compute, place = compile_expression(expression, scope), expression.place

    def test(subject: Any) -> bool:
        value = compute(subject)
        if value is not None and not isinstance(value, bool):
            raise QueryError("a condition must be a boolean", place)
        return value is True

    return test


def _field(field: Field, scope: Scope) -> Compute:
    name = field.name
    if scope.grouped:
        raise QueryError(
            f"{name!r} is not aggregated: in summarize, fields stand in aggregations or after by", field.place
        )
    if name in scope.assigned:
        raise QueryError(f"{name!r} is made by the same operator: use it in the next one", field.place)
    if name not in scope.columns:
        raise QueryError(f"unknown field {name!r}", field.place)
    return lambda row: row.get(name)


def _index(index: Index, scope: Scope) -> Compute:
    base, key, place = compile_expression(index.base, scope), compile_expression(index.key, scope), index.place

    def get(subject: Any) -> Any:
        container, wanted = base(subject), key(subject)
        if container is None or wanted is None:
            return None
        if isinstance(container, dict) and isinstance(wanted, str):
            return container.get(wanted)
        if isinstance(container, list) and isinstance(wanted, int) and wanted >= 0:
            return container[wanted] if wanted < len(container) else None
        raise QueryError("only maps (by a string) and arrays (by a number of 0 or more) can be indexed", place)

    return get


def _placed(function: Callable[..., Any], arguments: list[Compute], place: Place) -> Compute:
    """Apply a function to what its arguments compute; its errors get the place."""

    def apply(subject: Any) -> Any:
        values = [argument(subject) for argument in arguments]
        try:
            return function(*values)
        except QueryError as error:
            raise QueryError(error.message, error.place or place) from error

    return apply


def _operation(operation: Operation, scope: Scope) -> Compute:
    name, place = operation.operator, operation.place
    operands = [compile_expression(operand, scope) for operand in operation.operands]
    if name in ("and", "or"):
        return _logical(name, operands, place)
    plain = name.removeprefix("!") if name != "!=" else "=="
    function = _function_of(plain)
    if name.startswith("!"):
        positive = function
        return _placed(lambda *values: apl_operators.negate(positive(*values)), operands, place)
    return _placed(function, operands, place)


def _function_of(name: str) -> Callable[..., Any]:
    if name == "==":
        return apl_operators.equal
    if name == "~":
        return apl_operators.text_operator("=~")
    if name in ("<", "<=", ">", ">="):
        return lambda left, right: apl_operators.order(name, left, right)
    if name in ("+", "-", "*", "/", "%"):
        return lambda left, right: apl_operators.arithmetic(name, left, right)
    if name.startswith("sign "):
        return lambda value: apl_operators.arithmetic("*", -1 if name.endswith("-") else 1, value)
    if name == "between":
        return _between
    if name in ("in", "in~"):
        return _member_test(apl_operators.equal if name == "in" else apl_operators.text_operator("=~"))
    return apl_operators.text_operator(name)


def _between(value: Any, low: Any, high: Any) -> bool | None:
    above, below = apl_operators.order(">=", value, low), apl_operators.order("<=", value, high)
    return None if above is None or below is None else above and below


def _member_test(same: Callable[[Any, Any], bool | None]) -> Callable[..., bool]:
    def test(value: Any, *members: Any) -> bool:
        if len(members) == 1 and isinstance(members[0], list):
            members = tuple(members[0])
        return any(same(value, member) for member in members)

    return test


def _logical(name: str, operands: list[Compute], place: Place) -> Compute:
    """``and`` and ``or`` of three values: a false (a true) decides, else a null makes the result null."""
    decisive = name == "or"

    def apply(subject: Any) -> bool | None:
        unknown = False
        for operand in operands:
            value = operand(subject)
            if value is not None and not isinstance(value, bool):
                raise QueryError(f"{name} takes booleans", place)
            if value is decisive:
                return decisive
            unknown = unknown or value is None
        return None if unknown else not decisive

    return apply


def _plain(call: Call) -> tuple[Expression, ...]:
    for argument in call.arguments:
        if isinstance(argument, Named):
            raise QueryError(f"{call.name}() takes no named arguments", argument.place)
    return call.arguments  # type: ignore[return-value]


def _count(call: Call, least: int, most: int) -> tuple[Expression, ...]:
    arguments = _plain(call)
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise QueryError(f"{call.name}() takes {wanted} arguments, not {len(arguments)}", call.place)
    return arguments


def _call(call: Call, scope: Scope) -> Compute:
    name = LITERAL_TYPES.get(call.name, call.name)
    if name in NAMES:
        return _aggregate(call, scope)
    if name in _SPECIAL:
        return _SPECIAL[name](call, scope)
    function = FUNCTIONS.get(name)
    if function is None:
        raise QueryError(f"the function {call.name}() is not part of the local Axiom", call.place)
    arguments = [compile_expression(argument, scope) for argument in _count(call, function.least, function.most)]
    return _placed(function.apply, arguments, call.place)


def _aggregate(call: Call, scope: Scope) -> Compute:
    """Return a function of a group's rows."""
    if not scope.grouped:
        raise QueryError(f"{call.name}() aggregates: it belongs into summarize, and not into itself", call.place)
    if call.name in EXTREME_ROWS:
        raise QueryError(f"{call.name}() returns columns: it cannot be part of an expression or be named", call.place)
    rows = replace(scope, grouped=False)
    if call.name == "count":
        _count(call, 0, 0)
        return len
    if call.name == "countif":
        counted = condition(_count(call, 1, 1)[0], rows)
        return lambda group: sum(map(counted, group))
    conditional = call.name in CONDITIONAL
    aggregate = AGGREGATES[CONDITIONAL.get(call.name, call.name)]
    extra = 2 if conditional else 1
    arguments = _count(call, aggregate.least + extra, aggregate.most + extra)
    chosen = condition(arguments[-1], rows) if conditional else None
    literals = arguments[1:-1] if conditional else arguments[1:]
    for literal in literals:
        if not isinstance(literal, Literal):
            raise QueryError(f"{call.name}() takes a literal here", literal.place)
    values = [literal.value for literal in literals if isinstance(literal, Literal)]
    compute = compile_expression(arguments[0], rows)

    def apply(group: list[Row]) -> Any:
        members = [compute(row) for row in group if chosen is None or chosen(row)]
        try:
            return aggregate.apply([member for member in members if member is not None], *values)
        except QueryError as error:
            raise QueryError(error.message, error.place or call.place) from error

    return apply


def _constant(call: Call, position: int) -> str:
    argument = call.arguments[position] if position < len(call.arguments) else None
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        raise QueryError(f"{call.name}() takes the name of a field as a string first", call.place)
    return argument.value


def _column_ifexists(call: Call, scope: Scope) -> Compute:
    name = _constant(call, 0)
    default = _count(call, 2, 2)[1]
    return compile_expression(Field(name, call.place) if name in scope.columns else default, scope)


def _ensure_field(call: Call, scope: Scope) -> Compute:
    name, kind = _constant(call, 0), call.arguments[1] if len(call.arguments) == 2 else None
    named = kind.arguments[0] if isinstance(kind, Call) and kind.name == "typeof" and kind.arguments else None
    if not isinstance(named, Field) or named.name not in COLUMN_TYPES:
        raise QueryError("ensure_field() takes a field's name and typeof(a type)", call.place)
    return compile_expression(Field(name, call.place) if name in scope.columns else Literal(None, call.place), scope)


def _case(call: Call, scope: Scope) -> Compute:
    """``case(condition, result, ..., otherwise)``; ``iff`` is the one with three arguments."""
    arguments = _plain(call)
    if len(arguments) < 3 or not len(arguments) % 2 or (call.name != "case" and len(arguments) != 3):
        raise QueryError(f"{call.name}() takes conditions with their results, and what to return otherwise", call.place)
    branches = [
        (condition(arguments[at], scope), compile_expression(arguments[at + 1], scope))
        for at in range(0, len(arguments) - 1, 2)
    ]
    otherwise = compile_expression(arguments[-1], scope)

    def choose(subject: Any) -> Any:
        for holds, result in branches:
            if holds(subject):
                return result(subject)
        return otherwise(subject)

    return choose


def _now(call: Call, scope: Scope) -> Compute:
    """``now()``, ``now(-1h)``, ``ago(1h)``."""
    arguments = _count(call, 1 if call.name == "ago" else 0, 1)
    offset = compile_expression(arguments[0], scope)({}) if arguments else Span(0)
    if not isinstance(offset, Span):
        raise QueryError(f"{call.name}() takes a timespan", call.place)
    sign = -1 if call.name == "ago" else 1
    moment = Instant(scope.now.nanoseconds + sign * offset.nanoseconds)
    return lambda subject: moment


def _bin_auto(call: Call, scope: Scope) -> Compute:
    (argument,) = _count(call, 1, 1)
    if not isinstance(argument, Field) or argument.name != "_time":
        raise QueryError("bin_auto() takes _time", call.place)
    size = Literal(scope.bin_size, call.place)
    return _call(Call("bin", (argument, size), call.place), scope)


_SPECIAL: dict[str, Callable[[Call, Scope], Compute]] = {
    "column_ifexists": _column_ifexists,
    "ensure_field": _ensure_field,
    "case": _case,
    "iff": _case,
    "iif": _case,
    "now": _now,
    "ago": _now,
    "bin_auto": _bin_auto,
}
