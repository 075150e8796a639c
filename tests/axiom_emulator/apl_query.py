# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``_apl``: APL on an edge deployment, and on the API, where it reaches datasets of every edge."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from axiom_emulator.apl_evaluate import DEFAULT_LIMIT, MOST_ROWS, Moment, Table, evaluate, names_used
from axiom_emulator.apl_parser import parse
from axiom_emulator.apl_tree import Call, Field, Query
from axiom_emulator.apl_values import DAY, HOUR, MINUTE, SECOND, Span, to_json, type_name, write_instant
from axiom_emulator.bodies import json_body
from axiom_emulator.errors import ApiError
from axiom_emulator.events import TIME_FIELDS, Layout, joined_types, read_events
from axiom_emulator.query_errors import QueryError
from axiom_emulator.query_requests import Range, check_caller, emulator, headers, instant_of, readable, time_range
from axiom_emulator.storage import Row

FORMAT = "tabular"
BIN_SIZES = [
    number * unit
    for unit, numbers in ((SECOND, (1, 5, 15, 30)), (MINUTE, (1, 5, 15, 30)), (HOUR, (1, 3, 6, 12)))
    for number in numbers
] + [DAY]
MOST_BINS = 120
MEMBERS = {"apl", "startTime", "endTime", "defaultLimit", "queryOptions", "includeCursor", "maxBinAutoGroups"}

edge_apl = Blueprint("edge_apl", __name__)
api_apl = Blueprint("api_apl", __name__)


def _not_understood(error: QueryError) -> ResponseReturnValue:
    """A QueryError of the edge query document: 400 and where in the text."""
    detail: dict[str, Any] = {"errorType": 1, "message": error.message}
    where = ""
    if error.place:
        detail |= {"line": error.place.line, "column": error.place.column}
        where = f" (line {error.place.line}, column {error.place.column})"
    return jsonify({"code": 400, "message": f"invalid query: {error.message}{where}", "detail": detail}), 400


def _refused(error: ApiError) -> ResponseReturnValue:
    return jsonify({"code": error.status, "message": error.message}), error.status


def run() -> ResponseReturnValue:
    """queryApl of the edge query document."""
    began = time.monotonic_ns()
    check_caller()
    if request.args.get("format") != FORMAT:
        raise ApiError(400, f"format={FORMAT} is the only one that the local Axiom answers in")
    body = _body()
    query = parse(body["apl"])
    dataset = readable(query.dataset, metrics=False)
    now = instant_of(emulator().clock.now())
    window = time_range(body.get("startTime", "1970-01-01T00:00:00Z"), body.get("endTime", "now"), now)
    examined, events = _events(query, dataset, window)
    moment = Moment(now, _bin_size(window, body.get("maxBinAutoGroups", MOST_BINS)))
    matched = len(events.rows)
    table = evaluate(query, events, moment, min(body.get("defaultLimit", DEFAULT_LIMIT), MOST_ROWS))
    answer = _answer(dataset, table, window, moment)
    answer["status"] |= {
        "elapsedTime": (time.monotonic_ns() - began) // 1_000,
        "rowsExamined": examined,
        "rowsMatched": matched,
    }
    return jsonify(answer), 200, headers()


def _body() -> dict[str, Any]:
    body = json_body()
    if not isinstance(body, dict) or not isinstance(body.get("apl"), str):
        raise ApiError(400, "the body must be an object with the query as the string apl")
    body = {name: value for name, value in body.items() if value is not None}
    for name in body:
        if name not in MEMBERS:
            raise ApiError(400, f"the member {name!r} is not part of the local Axiom")
    for name in ("defaultLimit", "maxBinAutoGroups"):
        number = body.get(name, 1)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ApiError(400, f"{name} must be a positive integer")
    return body


def _events(query: Query, dataset: Row, window: Range) -> tuple[int, Table]:
    """Return how many events the dataset has, and those in the window with the fields that the query names."""
    names = names_used(query)
    columns = set(TIME_FIELDS)
    rows: list[Row] = []
    examined = 0
    layout = Layout(emulator().settings.log_fields, tuple(dataset["map_fields"]))
    for event in read_events(emulator().storage, dataset, layout):
        examined += 1
        columns.update(event)
        if window.start <= event["_time"] < window.end:
            rows.append(
                event
                if names is None
                else {name: event[name] for name in names if name in event} | {"_time": event["_time"]}
            )
    rows.sort(key=lambda row: row["_time"].nanoseconds, reverse=True)
    return examined, Table(sorted(columns), rows, [("_time", True)])


def _bin_size(window: Range, most: int) -> Span:
    """Return the smallest round size of which no more than ``most`` fit into the window; a day is the largest."""
    length = window.end.nanoseconds - window.start.nanoseconds
    return Span(next((size for size in BIN_SIZES if length <= size * most), DAY))


def _answer(dataset: Row, table: Table, window: Range, moment: Moment) -> dict[str, Any]:
    rows = table.rows[:MOST_ROWS]
    columns = [[row.get(name) for row in rows] for name in table.columns]
    return {
        "format": FORMAT,
        "status": {
            "elapsedTime": 0,
            "blocksExamined": 1,
            "blocksCached": 0,
            "blocksMatched": 0,
            "rowsExamined": 0,
            "rowsMatched": 0,
            "numGroups": len(rows) if table.groups else 0,
            "isPartial": len(table.rows) > MOST_ROWS,
            "cacheStatus": 1,
            "minBlockTime": write_instant(window.start),
            "maxBlockTime": write_instant(window.end),
        },
        "tables": [
            {
                "name": "0",
                "sources": [{"name": dataset["name"]}],
                "fields": [_field(name, column, table) for name, column in zip(table.columns, columns, strict=True)],
                "order": [{"field": name, "desc": descending} for name, descending in table.order],
                "groups": [{"name": name} for name in table.groups],
                "range": {"field": "_time", "start": write_instant(window.start), "end": write_instant(window.end)},
                "columns": [to_json(column) for column in columns],
            }
        ],
        "datasetNames": [dataset["name"]],
        "fieldsMetaMap": {dataset["name"]: []},
    }


def _field(name: str, column: list[Any], table: Table) -> dict[str, Any]:
    kind = joined_types(set(map(type_name, column)))
    shown: dict[str, Any] = {"name": name, "type": TIME_FIELDS.get(name, kind) if kind == "unknown" else kind}
    call = table.aggregates.get(name)
    if isinstance(call, Call):
        fields = [argument.name for argument in call.arguments if isinstance(argument, Field)]
        shown["agg"] = {"name": call.name, **({"fields": fields} if fields else {})}
    return shown


for _blueprint, _path in ((edge_apl, "/v1/query/_apl"), (api_apl, "/v1/datasets/_apl")):
    _blueprint.add_url_rule(_path, view_func=run, methods=["POST"])
    _blueprint.register_error_handler(QueryError, _not_understood)
    _blueprint.register_error_handler(ApiError, _refused)
