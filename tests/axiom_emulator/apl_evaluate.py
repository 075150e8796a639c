# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A query's steps, carried out on events one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from typing import Any

from axiom_emulator.apl_aggregates import EXTREME_ROWS, NAMES
from axiom_emulator.apl_compile import Compute, Row, Scope, compile_expression, condition
from axiom_emulator.apl_operators import order
from axiom_emulator.apl_tree import Call, Column, Expression, Field, Index, Key, Named, Operation, Query, Step
from axiom_emulator.apl_values import Instant, Span, identity
from axiom_emulator.query_errors import QueryError

DEFAULT_LIMIT = 1_000
MOST_ROWS = 65_000


@dataclass(frozen=True)
class Moment:
    """When a query runs, and the size of its ``bin_auto`` bins."""

    now: Instant
    bin_size: Span


@dataclass
class Table:
    """Rows with named columns, and how they came about."""

    columns: list[str]
    rows: list[Row]
    order: list[tuple[str, bool]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    aggregates: dict[str, Call] = field(default_factory=dict)
    limited: bool = False
    time_binned: bool = False


def names_used(query: Query) -> set[str] | None:
    """Return every field name in a query's text; None where all of an event's fields reach the answer."""
    names: set[str] = set()
    closed = False
    for step in query.steps:
        for expression in _expressions(step):
            _collect(expression, names)
        closed = closed or step.name in ("project", "project-keep", "summarize", "distinct")
    return names if closed else None


def _expressions(step: Step) -> Iterable[Expression]:
    if step.condition is not None:
        yield step.condition
    yield from (column.expression for column in (*step.columns, *step.groups))
    yield from step.fields
    yield from (key.expression for key in step.keys)


def _collect(expression: Expression | Named, names: set[str]) -> None:
    if isinstance(expression, Field):
        names.add(expression.name)
    elif isinstance(expression, Index):
        _collect(expression.base, names)
        _collect(expression.key, names)
    elif isinstance(expression, Named):
        _collect(expression.expression, names)
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            _collect(operand, names)
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            _collect(argument, names)
        first = expression.arguments[0] if expression.arguments else None
        value = getattr(first, "value", None)
        if expression.name in ("column_ifexists", "ensure_field") and isinstance(value, str):
            names.add(value)


def evaluate(query: Query, table: Table, moment: Moment, default_limit: int = DEFAULT_LIMIT) -> Table:
    """Carry out the steps of a query on a table of events; QueryError."""
    for step in query.steps:
        table = _STEPS[step.name](step, table, moment)
    if not table.limited:
        table = replace(table, rows=table.rows[:default_limit])
    return table


def _scope(table: Table, moment: Moment, **more: Any) -> Scope:
    return Scope(frozenset(table.columns), moment.now, moment.bin_size, **more)


def _where(step: Step, table: Table, moment: Moment) -> Table:
    assert step.condition is not None
    test = condition(step.condition, _scope(table, moment))
    return replace(table, rows=[row for row in table.rows if test(row)])


def _extend(step: Step, table: Table, moment: Moment) -> Table:
    made = _computed(step, table, moment)
    rows = [{**row, **{name: compute(row) for name, compute in made}} for row in table.rows]
    names = [name for name, _unused in made]
    return replace(table, rows=rows, columns=[name for name in table.columns if name not in names] + names)


def _project(step: Step, table: Table, moment: Moment) -> Table:
    made = _computed(step, table, moment)
    rows = [{name: compute(row) for name, compute in made} for row in table.rows]
    return replace(table, rows=rows, columns=[name for name, _unused in made])


def _computed(step: Step, table: Table, moment: Moment) -> list[tuple[str, Compute]]:
    """Return what ``extend`` and ``project`` make. Plain fields do not count as made: their value is the same."""
    made: list[tuple[str, Compute]] = []
    assigned: tuple[str, ...] = ()
    for column in step.columns:
        name = _name(column, made)
        made.append((name, compile_expression(column.expression, _scope(table, moment, assigned=assigned))))
        if column.expression != Field(name, column.expression.place):
            assigned = (*assigned, name)
    return made


def _name(column: Column, others: Iterable[tuple[str, Any]]) -> str:
    """Return a column's name, given or documented; QueryError where there is none or it is taken."""
    name = column.name or _documented_name(column.expression)
    if name is None:
        raise QueryError("give this column a name: which one it gets is not documented", column.place)
    if any(name == other for other, _unused in others):
        raise QueryError(f"two columns are named {name!r}", column.place)
    return name


def _documented_name(expression: Expression) -> str | None:
    if isinstance(expression, Field):
        return expression.name
    if not isinstance(expression, Call):
        return None
    first = expression.arguments[0] if expression.arguments else None
    if expression.name in ("bin", "bin_auto"):
        return first.name if isinstance(first, Field) else None
    if expression.name in ("count", "countif"):
        return f"{expression.name}_"
    if expression.name in NAMES and isinstance(first, Field):
        return f"{expression.name}_{first.name}"
    return None


def _rename(step: Step, table: Table, moment: Moment) -> Table:
    new: dict[str, str] = {}
    for column in step.columns:
        if not isinstance(column.expression, Field) or column.name is None:
            raise QueryError("project-rename takes New = Old", column.place)
        _known(column.expression, table)
        if column.name in table.columns or column.name in new.values():
            raise QueryError(f"two columns are named {column.name!r}", column.place)
        new[column.expression.name] = column.name
    rows = [{new.get(name, name): value for name, value in row.items()} for row in table.rows]
    return replace(table, rows=rows, columns=[new.get(name, name) for name in table.columns])


def _known(wanted: Field, table: Table) -> str:
    if wanted.name not in table.columns:
        raise QueryError(f"unknown field {wanted.name!r}", wanted.place)
    return wanted.name


def _project_away(step: Step, table: Table, moment: Moment) -> Table:
    gone = {_known(wanted, table) for wanted in step.fields}
    return _keeping([name for name in table.columns if name not in gone], table)


def _project_keep(step: Step, table: Table, moment: Moment) -> Table:
    kept = {_known(wanted, table) for wanted in step.fields}
    return _keeping([name for name in table.columns if name in kept], table)


def _keeping(columns: list[str], table: Table) -> Table:
    rows = [{name: row.get(name) for name in columns} for row in table.rows]
    return replace(table, rows=rows, columns=columns)


def _distinct(step: Step, table: Table, moment: Moment) -> Table:
    columns = [_known(wanted, table) for wanted in step.fields]
    found: dict[Any, Row] = {}
    for row in table.rows:
        found.setdefault(tuple(identity(row.get(name)) for name in columns), {name: row.get(name) for name in columns})
    return Table(columns, list(found.values()), groups=columns, limited=True)


def _summarize(step: Step, table: Table, moment: Moment) -> Table:
    keys: list[tuple[str, Compute]] = []
    for column in step.groups:
        keys.append((_name(column, keys), compile_expression(column.expression, _scope(table, moment))))
    made: list[tuple[str, Compute]] = []
    aggregates: dict[str, Call] = {}
    for column in step.columns:
        new = _extreme_row(column, table, moment) or [
            (_name(column, ()), compile_expression(column.expression, _scope(table, moment, grouped=True)))
        ]
        for name, compute in new:
            if any(name == other for other, _unused in (*keys, *made)):
                raise QueryError(f"two columns are named {name!r}", column.place)
            made.append((name, compute))
            if isinstance(column.expression, Call) and column.expression.name in NAMES:
                aggregates[name] = column.expression
    if not keys and not made:
        raise QueryError("summarize needs an aggregation or a by", step.place)
    groups: dict[Any, tuple[Row, list[Row]]] = {}
    for row in table.rows:
        values = {name: compute(row) for name, compute in keys}
        identities = tuple(map(identity, values.values()))
        groups.setdefault(identities, (values, []))[1].append(row)
    if not keys and not groups:
        groups[()] = ({}, [])
    rows = [{**values, **{name: compute(members) for name, compute in made}} for values, members in groups.values()]
    names = [name for name, _unused in keys]
    binned = bool(step.groups) and _is_time_bin(step.groups[0].expression)
    return Table([*names, *(name for name, _unused in made)], rows, [], names, aggregates, True, binned)


def _is_time_bin(expression: Expression) -> bool:
    """Tell whether a grouping expression is a bin; one of numbers counts too, to be on the safe side."""
    return isinstance(expression, Call) and expression.name in ("bin", "bin_auto")


def _extreme_row(column: Column, table: Table, moment: Moment) -> list[tuple[str, Compute]] | None:
    """Return the columns of ``arg_max(value, field, ...)``; None for other expressions."""
    call = column.expression
    if not isinstance(call, Call) or call.name not in EXTREME_ROWS:
        return None
    if column.name is not None or len(call.arguments) < 2:
        raise QueryError(f"{call.name}() takes a value and fields, named one by one within it", column.place)
    scope = _scope(table, moment)
    made: list[tuple[str, Compute]] = []
    for argument in call.arguments:
        named = isinstance(argument, Named)
        expression = argument.expression if isinstance(argument, Named) else argument
        part = Column(argument.name if isinstance(argument, Named) else None, expression, argument.place)
        if not named and not isinstance(expression, Field):
            raise QueryError("give this column a name: which one it gets is not documented", argument.place)
        made.append((_name(part, made), compile_expression(expression, scope)))
    choose, value = EXTREME_ROWS[call.name], made[0][1]

    def chosen(group: list[Row]) -> Row | None:
        rows = [(found, row) for row in group if (found := value(row)) is not None]
        if not rows:
            return None
        for found, _unused in rows:
            order("<", rows[0][0], found)
        return choose(rows, key=lambda pair: pair[0])[1]

    def column_of(compute: Compute) -> Compute:
        def get(group: list[Row]) -> Any:
            row = chosen(group)
            return None if row is None else compute(row)

        return get

    return [(name, column_of(compute)) for name, compute in made]


def _sort(step: Step, table: Table, moment: Moment) -> Table:
    """Nulls come first in ascending order and last in descending."""
    rows = table.rows
    for key in reversed(step.keys):
        rows = sorted(rows, key=_sort_key(key, table, moment), reverse=key.descending)
    names = [(_documented_name(key.expression) or "", key.descending) for key in step.keys]
    return replace(table, rows=rows, order=names)


def _sort_key(key: Key, table: Table, moment: Moment) -> Callable[[Row], Any]:
    compute = compile_expression(key.expression, _scope(table, moment))

    def compare(left: Any, right: Any) -> int:
        if left is None or right is None:
            return (left is not None) - (right is not None)
        try:
            return bool(order(">", left, right)) - bool(order("<", left, right))
        except QueryError as error:
            raise QueryError(error.message, key.expression.place) from error

    wrap = cmp_to_key(compare)
    return lambda row: wrap(compute(row))


def _take(step: Step, table: Table, moment: Moment) -> Table:
    if table.time_binned:
        raise QueryError(
            f"{step.name} after a summarize whose first group is a bin keeps the top groups of each bin, not rows: "
            "put the bin last",
            step.place,
        )
    return replace(table, rows=table.rows[: step.count], limited=True)


def _top(step: Step, table: Table, moment: Moment) -> Table:
    return _take(step, _sort(step, table, moment), moment)


_STEPS: dict[str, Callable[[Step, Table, Moment], Table]] = {
    "where": _where,
    "extend": _extend,
    "project": _project,
    "project-rename": _rename,
    "project-away": _project_away,
    "project-keep": _project_keep,
    "distinct": _distinct,
    "summarize": _summarize,
    "sort": _sort,
    "take": _take,
    "top": _top,
}
