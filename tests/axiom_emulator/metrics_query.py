# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An edge deployment's ``/v1/query/_mpl`` and ``/v1/query/metrics/info``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from axiom_emulator.apl_values import to_text
from axiom_emulator.bodies import json_body
from axiom_emulator.errors import CODES, ApiError
from axiom_emulator.metrics import MIXED, Point, Result, evaluate_mpl, read_points
from axiom_emulator.mpl_parser import parse_mpl
from axiom_emulator.query_errors import QueryError
from axiom_emulator.query_requests import (
    check_caller,
    emulator,
    headers,
    instant_of,
    readable,
    time_range,
)

FORMAT = "metrics-v2"
INFO_V2 = "application/vnd.metrics-info.v2+json"
MEMBERS = {"mpl", "apl", "startTime", "endTime", "queryOptions"}
"""``apl`` is where Axiom's own scripts put the query, ``mpl`` where the document and axiom-py do."""

INFO = "/v1/query/metrics/info/datasets/<dataset>"

metrics = Blueprint("metrics", __name__)


def _error(status: int, message: str) -> ResponseReturnValue:
    return jsonify({"error": CODES.get(status, "error"), "message": message}), status


@metrics.errorhandler(QueryError)
def _not_understood(error: QueryError) -> ResponseReturnValue:
    where = f" (line {error.place.line}, column {error.place.column})" if error.place else ""
    return _error(400, f"invalid query: {error.message}{where}")


@metrics.errorhandler(ApiError)
def _refused(error: ApiError) -> ResponseReturnValue:
    return _error(error.status, error.message)


@metrics.post("/v1/query/_mpl")
def run() -> ResponseReturnValue:
    """queryMetrics."""
    check_caller()
    if request.args.get("format", FORMAT) != FORMAT:
        raise ApiError(400, f"format={FORMAT} is the only one that the local Axiom answers in")
    body = _body()
    query = parse_mpl(body.get("mpl") or body["apl"])
    dataset = readable(query.dataset, metrics=True)
    window = time_range(body["startTime"], body["endTime"], instant_of(emulator().clock.now()))
    result = evaluate_mpl(query, read_points(emulator().storage, dataset), window)
    if result is None:
        raise ApiError(404, f"the metric {query.metric!r} is not found in the dataset {query.dataset!r}")
    return jsonify(_answer(query.metric, result)), 200, headers()


def _body() -> dict[str, Any]:
    body = json_body()
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be an object")
    body = {name: value for name, value in body.items() if value is not None}
    for name in body:
        if name not in MEMBERS:
            raise ApiError(400, f"the member {name!r} is not part of the local Axiom")
    if len([name for name in ("mpl", "apl") if isinstance(body.get(name), str)]) != 1:
        raise ApiError(400, "the body must hold the query as the string mpl")
    for name in ("startTime", "endTime"):
        if name not in body:
            raise ApiError(400, f"{name} is missing")
    return body


def _answer(metric: str, result: Result) -> dict[str, Any]:
    return {
        "metadata": {"group_keys": list(result.group_keys)},
        "series": [
            {
                "metric": metric,
                "tags": series.tags,
                "start": result.start,
                "resolution": result.resolution,
                "data": series.data,
            }
            for series in result.series
        ],
    }


def _points(dataset: str) -> Iterator[Point]:
    """Return the points in the request's time range, of a dataset that the caller may read."""
    check_caller()
    row = readable(dataset, metrics=True)
    for name in ("start", "end"):
        if name not in request.args:
            raise ApiError(400, f"the parameter {name} is missing")
    window = time_range(request.args["start"], request.args["end"], instant_of(emulator().clock.now()))
    return read_points(emulator().storage, row, window)


def _info(content: Any) -> Response:
    answer = jsonify(content)
    if INFO_V2 in request.headers.get("Accept", ""):
        answer.content_type = INFO_V2
    return answer


def _of_metric(dataset: str, metric: str) -> list[Point]:
    found = [point for point in _points(dataset) if point.name == metric]
    if not found:
        raise ApiError(404, f"the metric {metric!r} is not found in the dataset {dataset!r}")
    return found


def _values(points: list[Point], tag: str) -> list[str]:
    found = sorted({to_text(point.tags[tag]) for point in points if tag in point.tags})
    if not found:
        raise ApiError(404, f"the tag {tag!r} is not found")
    return found


@metrics.get(f"{INFO}/metrics")
def list_metrics(dataset: str) -> ResponseReturnValue:
    """getDatasetMetrics."""
    found: dict[str, dict[str, str | None]] = {}
    for point in _points(dataset):
        known = found.setdefault(point.name, point.info)
        for name, value in point.info.items():
            if known[name] != value:
                known[name] = MIXED
    return _info({name: found[name] for name in sorted(found)})


@metrics.post(f"{INFO}/metrics")
def find_metrics(dataset: str) -> ResponseReturnValue:
    """findMetrics: the metrics with this tag value."""
    points = _points(dataset)
    body = json_body()
    value = body.get("value") if isinstance(body, dict) else None
    if not isinstance(value, str):
        raise ApiError(400, "the body must hold the string value")
    return _info(sorted({point.name for point in points if value in map(to_text, point.tags.values())}))


@metrics.get(f"{INFO}/metrics/<path:metric>/tags")
def list_metric_tags(dataset: str, metric: str) -> ResponseReturnValue:
    """getDatasetMetricTags."""
    return _info(sorted({tag for point in _of_metric(dataset, metric) for tag in point.tags}))


@metrics.get(f"{INFO}/metrics/<path:metric>/tags/<path:tag>/values")
def list_metric_tag_values(dataset: str, metric: str, tag: str) -> ResponseReturnValue:
    """getDatasetMetricTagValues."""
    return _info(_values(_of_metric(dataset, metric), tag))


@metrics.get(f"{INFO}/tags")
def list_tags(dataset: str) -> ResponseReturnValue:
    """getDatasetTags."""
    return _info(sorted({tag for point in _points(dataset) for tag in point.tags}))


@metrics.get(f"{INFO}/tags/<path:tag>/values")
def list_tag_values(dataset: str, tag: str) -> ResponseReturnValue:
    """getDatasetTagValues."""
    return _info(_values(list(_points(dataset)), tag))
