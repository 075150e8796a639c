# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""APL's aggregations over one group's values. Nulls do not count. Axiom estimates some of these; here all are exact."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from axiom_emulator.apl_operators import comparable
from axiom_emulator.apl_values import Instant, Span, identity, is_number, type_name
from axiom_emulator.query_errors import QueryError

SET_SIZE = 128


class Aggregate(NamedTuple):
    """How many literal arguments may follow the value, and what the values that are not null come to."""

    least: int
    most: int
    apply: Callable[..., Any]


def _numbers(name: str, values: Sequence[Any]) -> Sequence[Any]:
    for value in values:
        if not is_number(value):
            raise QueryError(f"{name}() takes numbers, not {type_name(value)}: write toreal() or tolong()")
    return values


def _sum(values: Sequence[Any]) -> Any:
    if values and all(isinstance(value, Span) for value in values):
        return Span(sum(value.nanoseconds for value in values))
    numbers = _numbers("sum", values)
    return math.fsum(numbers) if any(isinstance(value, float) for value in numbers) else sum(numbers)


def _avg(values: Sequence[Any]) -> Any:
    if values and all(isinstance(value, Span) for value in values):
        return Span(sum(value.nanoseconds for value in values) // len(values))
    return math.fsum(_numbers("avg", values)) / len(values) if values else None


def _extreme(name: str, choose: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    def apply(values: Sequence[Any]) -> Any:
        for value in values:
            if not is_number(value) and not isinstance(value, (Instant, Span)):
                raise QueryError(f"{name}() takes numbers, datetimes and timespans, not {type_name(value)}")
            comparable(f"{name}()", values[0], value)
        return choose(values) if values else None

    return apply


def _percentile(values: Sequence[Any], percent: Any) -> Any:
    """The smallest value that at least ``percent`` of all values are not above."""
    if not is_number(percent) or not 0 <= percent <= 100:
        raise QueryError("percentile() takes a percentage between 0 and 100")
    if not values:
        return None
    if not all(isinstance(value, Span) for value in values):
        _numbers("percentile", values)
    return sorted(values)[max(math.ceil(percent / 100 * len(values)), 1) - 1]


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list({identity(value): value for value in values}.values())


def _set(values: Sequence[Any], size: Any = SET_SIZE) -> Any:
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise QueryError("make_set() takes a positive integer as its limit")
    return _distinct(values)[:size]


AGGREGATES: dict[str, Aggregate] = {
    "sum": Aggregate(0, 0, _sum),
    "avg": Aggregate(0, 0, _avg),
    "min": Aggregate(0, 0, _extreme("min", min)),
    "max": Aggregate(0, 0, _extreme("max", max)),
    "dcount": Aggregate(0, 0, lambda values: len(_distinct(values))),
    "percentile": Aggregate(1, 1, _percentile),
    "make_set": Aggregate(0, 1, _set),
    "make_list": Aggregate(0, 0, list),
}
"""Aggregations of one value. Each has a sibling with a condition as its last argument, see :data:`CONDITIONAL`."""

CONDITIONAL = {
    "sumif": "sum",
    "avgif": "avg",
    "minif": "min",
    "maxif": "max",
    "dcountif": "dcount",
    "percentileif": "percentile",
}
EXTREME_ROWS = {"arg_max": max, "arg_min": min}
"""Aggregations that return columns of the row in which a value is greatest or least."""

NAMES = {"count", "countif", *AGGREGATES, *CONDITIONAL, *EXTREME_ROWS}
