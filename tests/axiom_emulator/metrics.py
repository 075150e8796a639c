# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored data points as series with tags, and MPL's steps on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from axiom_emulator.apl_values import SECOND, identity, is_number, read_instant, to_text
from axiom_emulator.mpl_parser import Align, Group, MetricsQuery, Tags, Where
from axiom_emulator.query_errors import QueryError
from axiom_emulator.query_requests import Range
from axiom_emulator.storage import Row, Storage

AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "avg": lambda values: math.fsum(values) / len(values),
    "count": lambda values: float(len(values)),
    "max": max,
    "min": min,
    "sum": math.fsum,
}
TYPES = {"gauge": "Gauge", "histogram": "Histogram", "exponential_histogram": "Histogram", "summary": "Summary"}
TEMPORALITIES = {1: "Delta", 2: "Cumulative"}
MIXED = "Mixed"


@dataclass(frozen=True)
class Point:
    """One data point: its metric as it was sent, tags, nanoseconds since 1970."""

    metric: Row
    tags: Tags
    time: int

    @property
    def name(self) -> str:
        """The metric's name."""
        found: str = self.metric["name"]
        return found

    @property
    def info(self) -> dict[str, str | None]:
        """Type, temporality and unit, as the info endpoints name them."""
        kind, temporality = self.metric["kind"], TEMPORALITIES.get(self.metric.get("temporality") or 0)
        counter = "CounterMonotonic" if self.metric.get("monotonic") else "CounterNonMonotonic"
        return {"type": TYPES.get(kind, counter), "temporality": temporality, "unit": self.metric["unit"] or None}


@dataclass
class Series:
    """Values of one combination of tags; ``points`` until they are aligned, ``data`` from then on."""

    tags: Tags
    points: list[tuple[int, float]] = field(default_factory=list)
    data: list[float | None] = field(default_factory=list)


@dataclass
class Result:
    """Aligned series; ``start`` and ``resolution`` in seconds."""

    series: list[Series]
    start: int = 0
    resolution: int = 0
    aligned: bool = False
    group_keys: tuple[str, ...] = ()


def read_points(storage: Storage, dataset: Row, window: Range | None = None) -> Iterator[Point]:
    """Yield a dataset's points, those in the window where one is given, oldest arrival first.

    A resource attribute is a tag like a data point's own attribute, which wins where both have one name.
    """
    for _delivery, arrived, resource, record in storage.stored_records(dataset["name"], "metrics"):
        time = record["time"] or read_instant(arrived).nanoseconds
        if window is None or window.start.nanoseconds <= time < window.end.nanoseconds:
            tags = {
                name: _tag(value) for name, value in {**resource, **record["attributes"]}.items() if value is not None
            }
            yield Point(record, tags, time)


def _tag(value: Any) -> Any:
    return to_text(value) if isinstance(value, (list, dict)) else value


def evaluate_mpl(query: MetricsQuery, points: Iterator[Point], window: Range) -> Result | None:
    """Carry out a query; None where the dataset has no such metric at all; QueryError."""
    known, found = False, dict[Any, Series]()
    for point in points:
        if point.name != query.metric:
            continue
        known = True
        if not window.start.nanoseconds <= point.time < window.end.nanoseconds:
            continue
        if point.metric["kind"] not in ("sum", "gauge"):
            raise QueryError(f"metrics of kind {point.metric['kind']} are not part of the local Axiom")
        key = frozenset((name, identity(value)) for name, value in point.tags.items())
        series = found.setdefault(key, Series(point.tags))
        if is_number(point.metric["value"]):
            series.points.append((point.time, float(point.metric["value"])))
    if not known:
        return None
    result = Result(list(found.values()))
    for step in query.steps:
        if isinstance(step, Where):
            result = _where(step, result)
        elif isinstance(step, Align):
            result = _align(step, result, window)
        else:
            result = _group(step, result)
    if not result.aligned:
        raise QueryError("a query without align is not part of the local Axiom")
    return result


def _where(step: Where, result: Result) -> Result:
    if result.aligned:
        raise QueryError("where stands before align", step.place)
    return Result([series for series in result.series if step.test(series.tags, False)])


def _function(name: str, allowed: Sequence[str], step: Align | Group) -> Callable[[Sequence[Any]], Any]:
    if name not in allowed:
        raise QueryError(f"using {name}: the local Axiom has {', '.join(sorted(allowed))}", step.place)
    return AGGREGATIONS[name] if name in AGGREGATIONS else lambda values: values[-1]


def _align(step: Align, result: Result, window: Range) -> Result:
    """Intervals begin at multiples of their length since 1970; without a length the range is the one interval."""
    if result.aligned:
        raise QueryError("a second align is not part of the local Axiom", step.place)
    apply = _function(step.function, (*AGGREGATIONS, "last"), step)
    first, last = window.start.nanoseconds // SECOND, -(-window.end.nanoseconds // SECOND)
    length = step.seconds or last - first
    start = first // length * length if step.seconds else first
    size = -(-(last - start) // length)
    for series in result.series:
        intervals: dict[int, list[float]] = {}
        for time, value in sorted(series.points, key=lambda point: point[0]):
            intervals.setdefault((time // SECOND - start) // length, []).append(value)
        series.data = [apply(intervals[at]) if at in intervals else None for at in range(size)]
    return Result(result.series, start, length, True)


def _group(step: Group, result: Result) -> Result:
    if not result.aligned:
        raise QueryError("group before align is not part of the local Axiom", step.place)
    apply = _function(step.function, tuple(AGGREGATIONS), step)
    groups: dict[Any, list[Series]] = {}
    for series in result.series:
        key = tuple(identity(series.tags.get(tag)) for tag in step.tags)
        groups.setdefault(key, []).append(series)
    made = []
    for members in groups.values():
        tags = {tag: members[0].tags[tag] for tag in step.tags if tag in members[0].tags}
        columns = (
            [value for value in column if value is not None]
            for column in zip(*(one.data for one in members), strict=True)
        )
        made.append(Series(tags, data=[apply(column) if column else None for column in columns]))
    return Result(made, result.start, result.resolution, True, step.tags)
