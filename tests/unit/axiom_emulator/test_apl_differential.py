# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same question asked in APL of the local Axiom and in SQL of SQLite, over the same events.

Questions are made together in both languages. SQL's comparisons are written out where APL documents other nulls.
"""

from __future__ import annotations

import json
import math
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from axiom_emulator.apl_evaluate import Moment, Table, evaluate
from axiom_emulator.apl_parser import parse
from axiom_emulator.apl_values import HOUR, MINUTE, Instant, Span, to_json

TYPES = {"i": "INTEGER", "j": "INTEGER", "r": "REAL", "s": "TEXT", "u": "TEXT", "b": "INTEGER"}
WORDS = st.sampled_from(["", "a", "A", "ab", "aB b", "b", "b-a", "ba"])
HALVES = st.integers(-20, 20).map(lambda number: number / 2)

EVENT = st.fixed_dictionaries(
    {
        "i": st.none() | st.integers(-3, 3),
        "j": st.none() | st.integers(-3, 3),
        "r": st.none() | HALVES,
        "s": st.none() | WORDS,
        "u": st.none() | WORDS,
        "b": st.none() | st.booleans(),
        "minute": st.integers(0, 300),
    }
)

Both = tuple[str, str]
"""One expression: in APL, in SQL."""


def _literal(value: Any) -> Both:
    if isinstance(value, str):
        return json.dumps(value), f"'{value}'"
    text = str(value) if value >= 0 else f"({value})"
    return text, text


def _over(expression: str, *operands: str) -> str:
    """SQL for an expression of x, y, z, each computed once: written out they would double with every level."""
    columns = ", ".join(f"{sql} AS {name}" for sql, name in zip(operands, "xyz", strict=False))
    return f"(SELECT {expression} FROM (SELECT {columns}))"


EQUAL = "CASE WHEN x IS NULL AND y IS NULL THEN NULL WHEN x IS NULL OR y IS NULL THEN 0 ELSE x = y END"


def _compared(symbol: str, left: Both, right: Both) -> Both:
    sql = {"==": EQUAL, "!=": f"NOT {EQUAL}"}.get(symbol, f"x {symbol} y")
    return f"({left[0]} {symbol} {right[0]})", _over(sql, left[1], right[1])


_POSITIONS = {
    "contains": "instr(lower(x), lower(y)) > 0",
    "contains_cs": "instr(x, y) > 0",
    "startswith": "lower(substr(x, 1, length(y))) = lower(y)",
    "startswith_cs": "substr(x, 1, length(y)) = y",
    "endswith": "lower(substr(x, length(x) - length(y) + 1)) = lower(y) AND length(x) >= length(y)",
    "=~": "lower(x) = lower(y)",
}


def _text_test(name: str, negated: bool, left: Both, right: Both) -> Both:
    both = "WHEN x IS NULL AND y IS NULL THEN NULL " if name == "=~" else ""
    sql = f"CASE {both}WHEN x IS NULL OR y IS NULL THEN 0 ELSE {_POSITIONS[name]} END"
    symbol = name if not negated else "!~" if name == "=~" else f"!{name}"
    return f"({left[0]} {symbol} {right[0]})", _over(f"NOT {sql}" if negated else sql, left[1], right[1])


def _member(negated: bool, value: Both, members: list[Both]) -> Both:
    tests = " OR ".join(f"coalesce({_over(EQUAL, value[1], member[1])}, 0)" for member in members)
    inner = ", ".join(member[0] for member in members)
    return f"({value[0]} {'!' * negated}in ({inner}))", f"(NOT ({tests}))" if negated else f"({tests})"


def _conditional(condition: Both, left: Both, right: Both) -> Both:
    return (
        f"iff({condition[0]}, {left[0]}, {right[0]})",
        f"(CASE WHEN {condition[1]} THEN {left[1]} ELSE {right[1]} END)",
    )


def _operation(symbol: str, left: Both, right: Both) -> Both:
    return f"({left[0]} {symbol} {right[0]})", f"({left[1]} {symbol} {right[1]})"


def _binned(value: Both, size: int) -> Both:
    return f"bin({value[0]}, {size})", _over(f"x - ((x % {size}) + {size}) % {size}", value[1])


def _named(name: str) -> Both:
    return name, name


COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
# SQL's BETWEEN is false where one half is; APL's null makes no row match either way.
BETWEEN = "CASE WHEN y IS NULL OR z IS NULL THEN NULL ELSE x BETWEEN y AND z END"

INTEGER = st.sampled_from(["i", "j"]).map(_named) | st.integers(-3, 3).map(_literal)
REAL = st.just(_named("r")) | HALVES.map(_literal)
TEXT = st.sampled_from(["s", "u"]).map(_named) | WORDS.map(_literal)
BOOLEAN = st.just(_named("b")) | st.builds(_compared, COMPARISONS, INTEGER, INTEGER)


def _integers(integer: Any, text: Any, boolean: Any) -> Any:
    return st.one_of(
        integer,
        st.builds(_operation, st.sampled_from("+-*"), integer, integer),
        st.builds(_binned, integer, st.integers(1, 3)),
        st.builds(_conditional, boolean, integer, integer),
        text.map(lambda found: (f"strlen({found[0]})", f"length({found[1]})")),
    )


def _reals(integer: Any, real: Any) -> Any:
    return st.one_of(
        real,
        integer.map(lambda value: (f"toreal({value[0]})", f"CAST({value[1]} AS REAL)")),
        st.builds(_operation, st.sampled_from("+-*"), real, real),
        real.map(lambda value: (f"({value[0]} / 2)", f"({value[1]} / 2)")),
    )


def _texts(integer: Any, text: Any, boolean: Any) -> Any:
    return st.one_of(
        text,
        text.map(lambda found: (f"tolower({found[0]})", f"lower({found[1]})")),
        text.map(lambda found: (f"toupper({found[0]})", f"upper({found[1]})")),
        integer.map(lambda value: (f"tostring({value[0]})", f"coalesce(CAST({value[1]} AS TEXT), '')")),
        st.builds(
            lambda left, right: (
                f"strcat({left[0]}, {right[0]})",
                f"(coalesce({left[1]}, '') || coalesce({right[1]}, ''))",
            ),
            text,
            text,
        ),
        st.builds(
            lambda left, right: (
                f"coalesce({left[0]}, {right[0]}, 'none')",
                f"coalesce(nullif({left[1]}, ''), nullif({right[1]}, ''), 'none')",
            ),
            text,
            text,
        ),
        st.builds(_conditional, boolean, text, text),
    )


def _booleans(integer: Any, real: Any, text: Any, boolean: Any) -> Any:
    return st.one_of(
        boolean,
        st.builds(_compared, COMPARISONS, integer, real),
        st.builds(_compared, COMPARISONS, text, text),
        st.builds(_text_test, st.sampled_from(list(_POSITIONS)), st.booleans(), text, text),
        st.builds(_member, st.booleans(), text, st.lists(WORDS.map(_literal), min_size=1, max_size=3)),
        st.builds(_member, st.booleans(), integer, st.lists(integer, min_size=1, max_size=3)),
        st.builds(
            lambda value, low, high: (
                f"({value[0]} between ({low[0]} .. {high[0]}))",
                _over(BETWEEN, value[1], low[1], high[1]),
            ),
            integer,
            integer,
            integer,
        ),
        text.map(lambda found: (f"isempty({found[0]})", f"(coalesce({found[1]}, '') = '')")),
        text.map(lambda found: (f"isnotnull({found[0]})", f"({found[1]} IS NOT NULL)")),
        integer.map(lambda value: (f"isnull({value[0]})", f"({value[1]} IS NULL)")),
        boolean.map(lambda value: (f"not({value[0]})", f"(NOT {value[1]})")),
        st.builds(_operation, st.sampled_from(["and", "or"]), boolean, boolean),
    )


for _level in range(2):
    INTEGER, REAL, TEXT, BOOLEAN = (
        _integers(INTEGER, TEXT, BOOLEAN),
        _reals(INTEGER, REAL),
        _texts(INTEGER, TEXT, BOOLEAN),
        _booleans(INTEGER, REAL, TEXT, BOOLEAN),
    )

AGGREGATE = st.one_of(
    st.just(("count()", "count(*)")),
    BOOLEAN.map(lambda value: (f"countif({value[0]})", f"coalesce(sum({value[1]} IS TRUE), 0)")),
    INTEGER.map(lambda value: (f"sum({value[0]})", f"coalesce(sum({value[1]}), 0)")),
    REAL.map(lambda value: (f"avg({value[0]})", f"avg({value[1]})")),
    st.tuples(st.sampled_from(["min", "max"]), INTEGER | REAL).map(
        lambda parts: (f"{parts[0]}({parts[1][0]})", f"{parts[0]}({parts[1][1]})")
    ),
    (INTEGER | TEXT).map(lambda value: (f"dcount({value[0]})", f"count(DISTINCT {value[1]})")),
    st.tuples(INTEGER, BOOLEAN).map(
        lambda parts: (
            f"sumif({parts[0][0]}, {parts[1][0]})",
            f"coalesce(sum(CASE WHEN {parts[1][1]} THEN {parts[0][1]} END), 0)",
        )
    ),
)
GROUP = st.one_of(
    TEXT,
    INTEGER,
    st.just(("bin(_time, 1h)", f"minute / 60 * {HOUR}")),
    st.just(("bin(_time, 5m)", f"minute / 5 * {5 * MINUTE}")),
)

EVENTS = st.lists(EVENT, max_size=12)


def _ask_apl(events: list[dict[str, Any]], steps: str) -> list[tuple[Any, ...]]:
    rows = [{**event, "n": at, "_time": Instant(event["minute"] * MINUTE)} for at, event in enumerate(events)]
    table = Table([*TYPES, "minute", "n", "_time"], rows)
    found = evaluate(parse(f"['logs'] {steps}"), table, Moment(Instant(0), Span(HOUR)))
    return [tuple(_plain(row.get(name)) for name in found.columns) for row in found.rows]


def _ask_sql(events: list[dict[str, Any]], query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(":memory:") as database:
        columns = ", ".join(f"{name} {kind}" for name, kind in {**TYPES, "minute": "INTEGER", "n": "INTEGER"}.items())
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute(f"CREATE TABLE logs ({columns})")
        for at, event in enumerate(events):
            values = (*(event[name] for name in TYPES), event["minute"], at)
            database.execute("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return [tuple(row) for row in database.execute(query)]


def _plain(value: Any) -> Any:
    """Return a value as SQLite has it."""
    if isinstance(value, Instant):
        return value.nanoseconds
    return int(value) if isinstance(value, bool) else to_json(value)


def _same(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> bool:
    return len(left) == len(right) and all(
        math.isclose(a, b, rel_tol=1e-12) if isinstance(a, float) and isinstance(b, (int, float)) else a == b
        for one, other in zip(left, right, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _in_order(rows: list[tuple[Any, ...]], keys: int) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [(value is not None, str(type(value)), value) for value in row[:keys]])


@settings(max_examples=300)
@given(EVENTS, BOOLEAN | st.builds(_operation, st.sampled_from(["and", "or"]), BOOLEAN, BOOLEAN))
def test_conditions(events: list[dict[str, Any]], condition: Both) -> None:
    """What a condition is for each event, null told from false; and which events it lets through."""
    apl = _ask_apl(events, f"| extend c = {condition[0]} | sort by n asc | project n, c")
    assert apl == _ask_sql(events, f"SELECT n, {condition[1]} FROM logs ORDER BY n")
    apl = _ask_apl(events, f"| where {condition[0]} | project n | sort by n asc")
    assert apl == _ask_sql(events, f"SELECT n FROM logs WHERE {condition[1]} ORDER BY n")


@settings(max_examples=200)
@given(EVENTS, st.lists(INTEGER | REAL | TEXT | BOOLEAN, min_size=1, max_size=3))
def test_extend(events: list[dict[str, Any]], made: list[Both]) -> None:
    columns = ", ".join(f"c{at} = {expression[0]}" for at, expression in enumerate(made))
    names = ", ".join(f"c{at}" for at in range(len(made)))
    apl = _ask_apl(events, f"| extend {columns} | sort by n asc | project {names}")
    assert _same(apl, _ask_sql(events, f"SELECT {', '.join(sql for _apl, sql in made)} FROM logs ORDER BY n"))


@settings(max_examples=200)
@given(EVENTS, BOOLEAN, st.lists(GROUP, max_size=2), st.lists(AGGREGATE, min_size=1, max_size=3))
def test_summarize(events: list[dict[str, Any]], condition: Both, groups: list[Both], aggregates: list[Both]) -> None:
    by = ", ".join(f"g{at} = {group[0]}" for at, group in enumerate(groups))
    columns = ", ".join(f"a{at} = {aggregate[0]}" for at, aggregate in enumerate(aggregates))
    apl = _ask_apl(events, f"| where {condition[0]} | summarize {columns} {'by ' + by if by else ''}")
    selected = ", ".join(sql for _apl, sql in (*groups, *aggregates))
    grouping = f" GROUP BY {', '.join(str(at + 1) for at in range(len(groups)))}" if groups else ""
    sql = _ask_sql(events, f"SELECT {selected} FROM logs WHERE {condition[1]}{grouping}")
    assert _same(_in_order(apl, len(groups)), _in_order(sql, len(groups)))


@settings(max_examples=200)
@given(
    EVENTS,
    st.lists(st.tuples(INTEGER | TEXT, st.sampled_from(["asc", "desc"])), min_size=1, max_size=2),
    st.integers(0, 5),
)
def test_sort_and_take(events: list[dict[str, Any]], keys: list[tuple[Both, str]], count: int) -> None:
    apl_keys = ", ".join(f"{key[0]} {way}" for key, way in keys)
    sql_keys = ", ".join(f"iif(1, {key[1]}, 0) {way} NULLS {'FIRST' if way == 'asc' else 'LAST'}" for key, way in keys)
    apl = _ask_apl(events, f"| sort by {apl_keys}, n asc | take {count} | project n")
    assert apl == _ask_sql(events, f"SELECT n FROM logs ORDER BY {sql_keys}, n LIMIT {count}")


@settings(max_examples=200)
@given(EVENTS, TEXT, INTEGER)
def test_the_row_with_the_greatest_value(events: list[dict[str, Any]], group: Both, value: Both) -> None:
    """With ``value * 100 + n`` there is one greatest."""
    apl = _ask_apl(events, f"| summarize arg_max(m = {value[0]} * 100 + n, n) by g = {group[0]}")
    best = f"max({value[1]} * 100 + n)"
    sql = _ask_sql(events, f"SELECT {group[1]}, {best}, CASE WHEN {best} IS NOT NULL THEN n END FROM logs GROUP BY 1")
    assert _in_order(apl, 1) == _in_order(sql, 1)


@settings(max_examples=200)
@given(EVENTS, st.lists(st.sampled_from(["s", "u", "i", "b"]), min_size=1, max_size=3, unique=True))
def test_distinct(events: list[dict[str, Any]], names: list[str]) -> None:
    columns = ", ".join(names)
    apl = _ask_apl(events, f"| distinct {columns}")
    assert _in_order(apl, 3) == _in_order(_ask_sql(events, f"SELECT DISTINCT {columns} FROM logs"), 3)
