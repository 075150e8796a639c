# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each construct of APL means, case by case as Axiom's pages have it; and that everything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from axiom_emulator.apl_evaluate import Moment, Table, evaluate, names_used
from axiom_emulator.apl_parser import parse
from axiom_emulator.apl_values import HOUR, MINUTE, SECOND, Instant, Span, read_instant, to_json, to_text
from axiom_emulator.query_errors import QueryError

NOW = read_instant("2026-01-02T12:34:56.789Z")
EVENTS: list[dict[str, Any]] = [
    {"id": 1, "method": "GET", "size": 10, "took": 1.5, "tags": {"a.b": "x", "n": 1}, "list": [1, 2], "ok": True},
    {"id": 2, "method": "get", "size": None, "took": 2.5, "tags": {}, "list": [], "ok": False},
    {"id": 3, "method": "", "size": -7, "took": None, "ok": None},
    {"id": 4, "method": None, "size": 10, "took": 4.0, "tags": {"a.b": "y"}, "text": "7"},
]


def run(steps: str, events: list[dict[str, Any]] | None = None, limit: int = 1000) -> Table:
    """Evaluate steps on events that lie an hour apart, the first one youngest."""
    rows = [
        {**event, "_time": Instant(NOW.nanoseconds - number * HOUR), "_sysTime": NOW}
        for number, event in enumerate(EVENTS if events is None else events)
    ]
    columns = sorted({name for row in rows for name in row} | {"_time", "_sysTime"})
    return evaluate(parse(f"['logs'] {steps}"), Table(columns, rows), Moment(NOW, Span(HOUR)), limit)


def ids(steps: str) -> list[int]:
    """Return which events are left."""
    return [row["id"] for row in run(steps).rows]


def value(expression: str) -> Any:
    """Return what an expression makes of the first event."""
    return run(f"| extend made = {expression} | take 1").rows[0]["made"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("size == 10", [1, 4]),
        ("size != 10", [2, 3]),
        ("size <> 10", [2, 3]),
        ("size < 0", [3]),
        ("size >= -7 and size <= 10", [1, 3, 4]),
        ("size between (0 .. 10)", [1, 4]),
        ("size !between (0 .. 10)", [3]),
        ("took > 2", [2, 4]),
        ("size == took", []),
        ('method == "GET"', [1]),
        ("method != 'GET'", [2, 3, 4]),
        ('method =~ "gEt"', [1, 2]),
        ('method !~ "get"', [3, 4]),
        ('method in ("GET", "POST")', [1]),
        ('method !in ("GET", "POST")', [2, 3, 4]),
        ('method in~ ("get")', [1, 2]),
        ("size in (dynamic([10, 11]))", [1, 4]),
        ('method contains "E"', [1, 2]),
        ('method contains_cs "E"', [1]),
        ('method !contains "e"', [3, 4]),
        ('method startswith "g"', [1, 2]),
        ('method startswith_cs "g"', [2]),
        ('method endswith "T"', [1, 2]),
        ('method !endswith_cs "T"', [2, 3, 4]),
        ('method has "get"', [1, 2]),
        ('method has "ge"', []),
        ('method matches regex "^[A-Z]+$"', [1]),
        ('method !matches regex @"[A-Z]"', [2, 3, 4]),
        ("isnull(method)", [4]),
        ("isnotnull(method)", [1, 2, 3]),
        ("isempty(method)", [3, 4]),
        ("isnotempty(method)", [1, 2]),
        ("ok", [1]),
        ("ok == false", [2]),
        ("not(ok)", [2]),
        ("ok or size == -7", [1, 3]),
        ("not(size == 10)", [2, 3]),
        ("['tags']['a.b'] == 'x'", [1]),
        ("tags['n'] == 1 and tags.n < 2", [1]),
        ("isnull(tags['none'])", [1, 2, 3, 4]),
        ("list[1] == 2", [1]),
        ("_time > ago(90m)", [1, 2]),
        ("_time between (ago(2h) .. now())", [1, 2, 3]),
        ("_time < datetime(2026-01-02T10:34:56.789Z)", [4]),
        ("_time < datetime(2026-01-02)", []),
        ("toint(text) == 7", [4]),
    ],
)
def test_where(condition: str, expected: list[int]) -> None:
    assert ids(f"| where {condition}") == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("-size", -10),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("4 / 2", 2),
        ("4 / 2.5", 1.6),
        ("1 / 0", None),
        ("1h + 30m", Span(90 * MINUTE)),
        ("10m / 1s", 600.0),
        ("1s * 5", Span(5 * SECOND)),
        ("now() - _time", Span(0)),
        ("now(-1h)", Instant(NOW.nanoseconds - HOUR)),
        ("iff(size > 5, 'big', 'small')", "big"),
        ("iif(isnull(size), 1, 2)", 2),
        ("iff(method > 'Z', dynamic(null), 1)", 1),
        ("case(size > 100, 'a', size > 5, 'b', 'c')", "b"),
        ("coalesce(dynamic(null), '', 'x', 'y')", "x"),
        ("coalesce(dynamic(null), '')", ""),
        ("tostring(true)", "true"),
        ("tostring(dynamic(null))", ""),
        ("tostring(1.0)", "1"),
        ("tostring(0.1)", "0.1"),
        ("tostring(1e21)", "1000000000000000000000"),
        ("tostring(80s)", "1m20s"),
        ("tostring(_time)", "2026-01-02T12:34:56.789Z"),
        ("tostring(list)", "[1,2]"),
        ("tostring(tags)", '{"a.b":"x","n":1}'),
        ("toint('42')", 42),
        ("toint('4.2')", None),
        ("toint(' 4')", None),
        ("toint(2.9)", 2),
        ("toint(true)", 1),
        ("tolong('99999999999999999999')", None),
        ("long(11)", 11),
        ("int(null)", None),
        ("toreal('1e3')", 1000.0),
        ("todouble('x')", None),
        ("toreal(false)", 0.0),
        ("tobool('T')", True),
        ("tobool(0)", False),
        ("tobool('yes')", None),
        ("todatetime('2026-01-02 12:34')", read_instant("2026-01-02T12:34:00Z")),
        ("todatetime('never')", None),
        ("totimespan('15s')", Span(15 * SECOND)),
        ("timespan(2d)", Span(48 * HOUR)),
        ("strcat('a', 1, dynamic(null), true)", "a1true"),
        ("strlen('größe')", 5),
        ("toupper(tolower(method))", "GET"),
        ("split('a-b-c', '-')[1]", "b"),
        ("replace_string('a', 'b', 'banana')", "bbnbnb"),
        ("extract('v([0-9]+)', 1, 'v12')", "12"),
        ("parse_json('{\"a\": [1]}').a[0]", 1),
        ("array_length(list)", 2),
        ("abs(-3)", 3),
        ("floor(2.7)", 2),
        ("ceiling(2.1)", 3),
        ("round(2.345, 2)", 2.35),
        ("round(2.5)", 3.0),
        ("round(7)", 7),
        ("bin(17, 5)", 15),
        ("bin(-1, 5)", -5),
        ("bin(2.7, 0.5)", 2.5),
        ("bin(_time, 1h)", read_instant("2026-01-02T12:00:00Z")),
        ("bin_auto(_time)", read_instant("2026-01-02T12:00:00Z")),
        ("column_ifexists('method', 'none')", "GET"),
        ("column_ifexists('nothing', method)", "GET"),
        ("column_ifexists('nothing', dynamic({}))['key']", None),
        ("ensure_field('nothing', typeof(string))", None),
        ("ensure_field('method', typeof(string))", "GET"),
        ('dynamic({"a": [1, -2.5, "x", null, true]}).a[1]', -2.5),
        ("'it\\'s'", "it's"),
        ("@'a\\b'", "a\\b"),
    ],
)
def test_expressions(expression: str, expected: Any) -> None:
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        ("count()", 4),
        ("countif(size > 0)", 2),
        ("dcount(size)", 2),
        ("dcount(method)", 3),
        ("sum(size)", 13),
        ("sum(took)", 8.0),
        ("sumif(size, id > 3)", 10),
        ("sumif(size, id > 9)", 0),
        ("avg(took)", 8 / 3),
        ("avgif(took, id == 9)", None),
        ("min(size)", -7),
        ("max(took)", 4.0),
        ("minif(size, id < 3)", 10),
        ("maxif(took, id < 3)", 2.5),
        ("max(_time)", NOW),
        ("percentile(took, 50)", 2.5),
        ("percentile(took, 0)", 1.5),
        ("percentile(took, 100)", 4.0),
        ("percentileif(took, 95, id < 3)", 2.5),
        ("dcountif(size, id < 4)", 2),
        ("make_set(size)", [10, -7]),
        ("make_set(size, 1)", [10]),
        ("make_list(size)", [10, -7, 10]),
        ("round(100.0 * countif(size > 0) / count(), 1)", 50.0),
    ],
)
def test_aggregations(aggregation: str, expected: Any) -> None:
    found = run(f"| summarize made = {aggregation}").rows
    assert found == [{"made": expected}]


def test_summarize_groups_by_equal_values_and_keeps_null_apart() -> None:
    table = run("| summarize n = count() by kind = tolower(method)")
    assert [(row["kind"], row["n"]) for row in table.rows] == [("get", 2), ("", 1), (None, 1)]
    assert (table.columns, table.groups) == (["kind", "n"], ["kind"])


def test_summarize_without_events() -> None:
    assert run("| where id > 9 | summarize n = count(), m = max(size)").rows == [{"n": 0, "m": None}]
    assert run("| where id > 9 | summarize n = count() by method").rows == []


def test_columns_get_the_documented_names() -> None:
    table = run("| summarize count(), countif(ok), avg(took), dcount(['method']) by bin(_time, 1h), size")
    assert table.columns == ["_time", "size", "count_", "countif_", "avg_took", "dcount_method"]


def test_arg_max_returns_columns_of_one_row() -> None:
    table = run("| summarize arg_max(took, id, way = method), arg_min(youngest = _time, last = id)")
    assert table.columns == ["took", "id", "way", "youngest", "last"]
    assert to_json(table.rows[0]) == {
        "took": 4.0,
        "id": 4,
        "way": None,
        "youngest": "2026-01-02T09:34:56.789Z",
        "last": 4,
    }
    assert run("| where id == 3 | summarize arg_max(took, id)").rows == [{"took": None, "id": None}]


def test_operators_on_columns() -> None:
    assert run("| project id, big = size > 0 | take 1").rows == [{"id": 1, "big": True}]
    assert run("| project-away tags, list, ok, text, _sysTime").columns == ["_time", "id", "method", "size", "took"]
    assert run("| project-keep size, id").columns == ["id", "size"]
    assert run("| project id, size | project-rename bytes = size").columns == ["id", "bytes"]
    assert run("| extend size = 1, new = 2").columns[-2:] == ["size", "new"]
    assert [row["size"] for row in run("| distinct size").rows] == [10, None, -7]


def test_sort_take_top() -> None:
    assert ids("| sort by size asc, id desc") == [2, 3, 4, 1]
    assert ids("| order by size desc, id asc") == [1, 4, 3, 2]
    assert ids("| sort by method asc") == [4, 3, 1, 2]
    assert ids("| take 2") == ids("| limit 2") == [1, 2]
    assert ids("| top 2 by took") == [4, 2]
    assert ids("| top 2 by took asc") == [3, 1]


def test_without_a_limit_a_thousand_events() -> None:
    many = [{"id": number} for number in range(1200)]
    assert len(run("", many).rows) == 1000
    assert len(run("", many, limit=5).rows) == 5
    assert len(run("| take 1100", many).rows) == 1100
    assert len(run("| summarize count() by id", many).rows) == 1200


def test_only_the_fields_in_the_text_are_read() -> None:
    assert names_used(parse("['a'] | where x > y.z | take 3")) is None
    query = "['a'] | extend b = column_ifexists('c', d['e']) | summarize n = dcount(b), arg_max(t, u = v) by bin(w, 1h)"
    assert names_used(parse(query)) == {"b", "c", "d", "t", "v", "w"}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("| join ['other'] on id", "'join' is not understood"),
        ("| count", "'count' is not understood"),
        ("| where", "ends too early"),
        ("| where (size > 1", "ends too early"),
        ("| where nothing == 1", "unknown field 'nothing'"),
        ("| where size.a == 1", "indexed"),
        ("| where service.name == 1", "unknown field 'service'"),
        ("| where size == 'x'", "between integer and string"),
        ("| where size < method", "between integer and string"),
        ("| where tags < tags", "between map and map"),
        ("| where size", "must be a boolean"),
        ("| where size and ok", "takes booleans"),
        ("| where not(size)", "boolean, not integer"),
        ("| where size contains '1'", "takes strings"),
        ("| where method matches regex '('", "not valid"),
        ("| where method matches regex '(?=x)'", "not every engine"),
        ("| where size hasprefix 'x'", "'hasprefix' is not understood"),
        ("| extend x = nothing()", r"nothing\(\) is not part of"),
        ("| extend x = tolower(1)", "takes a string"),
        ("| extend x = tolower()", "takes 1 arguments, not 0"),
        ("| extend x = 5 / 2", "not documented"),
        ("| extend x = size + method", "between integer and string"),
        ("| extend x = 1, y = x", "made by the same operator"),
        ("| extend x = count()", "belongs into summarize"),
        ("| extend x = '\\q'", "escape"),
        ("| extend x = datetime(soon)", "no datetime"),
        ("| extend x = bin(_time, 7h)", "divide a day"),
        ("| extend x = bin_auto(size)", "takes _time"),
        ("| extend x = ago(1)", "timespan"),
        ("| extend x = iff(ok, 1)", "conditions"),
        ("| extend x = column_ifexists(method, 1)", "as a string first"),
        ("| extend x = parse_json('{')", "not JSON"),
        ("| project tolower(method)", "give this column a name"),
        ("| project id, id", "two columns"),
        ("| project a = id, method = a", "made by the same operator|unknown field"),
        ("| project id | sort by _time desc", "unknown field '_time'"),
        ("| project-rename method = id", "two columns"),
        ("| sort by size", "asc or desc"),
        ("| summarize", "needs an aggregation"),
        ("| summarize size", "not aggregated"),
        ("| summarize n = sum(method)", r"sum\(\) takes numbers"),
        ("| summarize n = max(method)", "takes numbers, datetimes"),
        ("| summarize n = sum(count())", "not into itself"),
        ("| summarize n = percentile(size, id)", "takes a literal"),
        ("| summarize n = percentile(size, 101)", "between 0 and 100"),
        ("| summarize a = arg_max(size, id)", "named one by one"),
        ("| summarize n = 1 + arg_max(size, id)", "returns columns"),
        ("| summarize n = count() by tolower(method)", "give this column a name"),
        ("| summarize n = count() by n = method", "two columns"),
        ("| summarize n = count() by bin(_time, 1h) | take 3", "put the bin last"),
        ("| summarize n = count() by bin(_time, 1h), id | top 3 by n", "put the bin last"),
    ],
)
def test_what_is_not_answered(steps: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        run(steps)


def test_errors_have_a_place() -> None:
    for text, place in (
        ("['logs']\n| where size == 1\n  and join", (3, 7)),
        ("['logs'] | where size >", (1, 24)),
        ("let x = 1; ['logs']", (1, 5)),
        ("['logs'] | where size ==\n  nothing", (2, 3)),
    ):
        with pytest.raises(QueryError) as error:
            evaluate(parse(text), Table(["size"], []), Moment(NOW, Span(HOUR)))
        assert error.value.place
        assert (error.value.place.line, error.value.place.column) == place


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (300_000_000, "300ms"),
        (5 * MINUTE + 4_487_127, "5m0.004487127s"),
        (HOUR, "1h0m0s"),
        (-90 * SECOND, "-1m30s"),
    ],
)
def test_durations_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert to_text(Span(nanoseconds)) == text
