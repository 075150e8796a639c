# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MPL and the info endpoints: over HTTP, with Axiom's official client, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axiom_py import Client
from axiom_py.client import AxiomError, MplOptions

from axiom_emulator.apl_values import SECOND, Instant
from axiom_emulator.metrics import Point, evaluate_mpl
from axiom_emulator.mpl_parser import parse_mpl
from axiom_emulator.query_errors import QueryError
from axiom_emulator.query_requests import Range
from axiom_emulator.testing import LocalAxiom

HOUR = 3600
START = 1_700_000_000 // HOUR * HOUR
WINDOW = Range(Instant(START * SECOND), Instant((START + 3 * HOUR) * SECOND))

# seconds after START, value, tags
POINTS: list[tuple[int, float, dict[str, Any]]] = [
    (0, 1, {"machine": "a", "team": "x", "code": 200}),
    (1800, 2, {"machine": "a", "team": "x", "code": 200}),
    (2 * HOUR, 4, {"machine": "a", "team": "x", "code": 200}),
    (60, 10, {"machine": "b", "team": "x", "code": 500}),
    (HOUR, 20, {"machine": "c", "team": "y", "code": 200}),
    (3 * HOUR, 1000, {"machine": "a", "team": "x", "code": 200}),
    (HOUR, 7, {"machine": "d", "code": 200}),
]


def _evaluate(steps: str, window: Range = WINDOW, kind: str = "sum") -> Any:
    metric = {"name": "m", "kind": kind, "unit": "", "monotonic": True, "temporality": 1}
    points = (Point({**metric, "value": value}, tags, (START + at) * SECOND) for at, value, tags in POINTS)
    return evaluate_mpl(parse_mpl(f"`metrics`:`m` {steps}"), points, window)


def _data(steps: str, tag: str = "machine") -> dict[Any, list[float | None]]:
    return {series.tags.get(tag): series.data for series in _evaluate(steps).series}


def test_align_puts_points_into_intervals() -> None:
    result = _evaluate("| align to 1h using sum")
    assert (result.start, result.resolution) == (START, HOUR)
    assert {series.tags["machine"]: series.data for series in result.series} == {
        "a": [3, None, 4],
        "b": [10, None, None],
        "c": [None, 20, None],
        "d": [None, 7, None],
    }


@pytest.mark.parametrize(
    ("function", "expected"), [("avg", 1.5), ("count", 2), ("last", 2), ("max", 2), ("min", 1), ("sum", 3)]
)
def test_align_functions(function: str, expected: float) -> None:
    assert _data(f"| align to 1h using {function}")["a"][0] == expected


def test_align_over_the_whole_range() -> None:
    result = _evaluate("| align using sum")
    assert (result.start, result.resolution) == (START, 3 * HOUR)
    assert _data("| align using sum") == {"a": [7], "b": [10], "c": [20], "d": [7]}


def test_an_interval_begins_before_a_range_that_does_not() -> None:
    window = Range(Instant((START + 60) * SECOND), Instant((START + HOUR + 1) * SECOND))
    result = _evaluate("| align to 1h using sum", window)
    assert (result.start, [series.data for series in result.series]) == (
        START,
        [[2, None], [10, None], [None, 20], [None, 7]],
    )


def test_group_adds_series_up() -> None:
    assert _data("| align to 1h using sum | group by team using sum", "team") == {
        "x": [13, None, 4],
        "y": [None, 20, None],
        None: [None, 7, None],
    }
    result = _evaluate("| align using sum | group using max")
    assert [(series.tags, series.data) for series in result.series] == [({}, [20])]
    assert result.group_keys == ()
    assert _evaluate("| align using sum | group by team, machine using avg").group_keys == ("team", "machine")


@pytest.mark.parametrize(
    ("filters", "machines"),
    [
        ('machine == "a"', "a"),
        ('machine != "a"', "bcd"),
        ("code >= 500", "b"),
        ('team == "x" and not machine == "a"', "b"),
        ('machine == "a" or (code < 500 and team == "y")', "ac"),
        ("machine == #/[ab]/", "ab"),
        ("machine != #/[ab]/", "cd"),
        ('`team` == "y" // why not', "c"),
        ('nothing == "a"', ""),
    ],
)
def test_where(filters: str, machines: str) -> None:
    assert "".join(sorted(_data(f"| where {filters}\n| align using sum"))) == machines


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("", "without align"),
        ("| group using sum", "group before align"),
        ("| align using sum | align using sum", "second align"),
        ("| align using sum | where code == 1", "where stands before align"),
        ("| align using median", "using median"),
        ("| align using sum | group using last", "using last"),
        ("| align to 0s using sum", "no length"),
        ("| map rate", "'map'"),
        ("[1h..] | align using sum", r"'\['"),
        ('| where team != "x" | align using sum', "no tag 'team'"),
        ('| where not team == "x" | align using sum', "no tag 'team'"),
        ('| where code == "200" | align using sum', "between integer and string"),
        ("| where code == #/2/ | align using sum", "regular expression"),
    ],
)
def test_what_is_not_answered(steps: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        _evaluate(steps)


def test_histograms_are_not_answered() -> None:
    with pytest.raises(QueryError, match="histogram"):
        _evaluate("| align using sum", kind="histogram")


@pytest.fixture
def metrics(axiom: LocalAxiom, tmp_path: Any) -> Callable[..., Any]:
    """A server with points of the last hour, and a way to ask: method, path below /v1/query, body -> status, JSON."""
    axiom.control("GET", "info")
    client = Client(token=axiom.token, url=axiom.url)
    client.session.trust_env = False
    for name, kind in (("metrics", "otel:metrics:v1"), ("logs", "otel:logs:v1")):
        client.session.post("/v2/datasets", json={"name": name, "kind": kind})
    now = datetime.now(UTC)
    resource = {"host.name": "m1", "service.name": "claude-code"}
    axiom.load_points(
        "metrics",
        [
            {
                "time": now - timedelta(minutes=5),
                "name": name,
                "value": value,
                "unit": unit,
                "resource": resource,
                "attributes": {"model": "opus", "host.name": "own"} if name.endswith("usage") else {"n": 1},
                **more,
            }
            for name, value, unit, more in (
                ("claude_code.token.usage", 3, "tokens", {}),
                ("claude_code.token.usage", 4, "tokens", {}),
                ("claude_code.session.count", 1, "", {}),
                ("gauge", 1.5, "", {"kind": "gauge", "temporality": None, "monotonic": None}),
                ("mixed", 1, "", {}),
                ("mixed", 1, "s", {"temporality": 2}),
            )
        ],
    )
    reads = {name: {"query": ["read"]} for name in ("metrics", "logs")}
    token = axiom.mint(name="reader", datasetCapabilities=reads)["token"]
    times = {"start": "now-1h", "end": "now"}

    def ask(method: str, path: str, body: Any = None, secret: str = token, **options: Any) -> tuple[int, Any]:
        options.setdefault("params", {"format": "metrics-v2"} if path == "_mpl" else times)
        response = client.session.request(
            method,
            f"{axiom.edge_urls['cloud.us-east-1.aws']}/v1/query/{path}",
            json=body,
            headers={"Authorization": f"Bearer {secret}", **options.pop("headers", {})},
            hooks={"response": lambda *args, **kwargs: None},
            **options,
        )
        return response.status_code, response.json()

    client.session.hooks = {}
    return ask


INFO = "metrics/info/datasets/metrics"
NAMES = ["claude_code.session.count", "claude_code.token.usage", "gauge", "mixed"]


def _mpl(mpl: str, **more: Any) -> dict[str, Any]:
    return {"mpl": mpl, "startTime": "now-1h", "endTime": "now", **more}


def test_mpl_over_http(metrics: Callable[..., Any]) -> None:
    query = (
        '`metrics`:`claude_code.token.usage` | where model == "opus" | align using sum | group by `host.name` using sum'
    )
    status, answer = metrics("POST", "_mpl", _mpl(query))
    assert status == 200, answer
    assert answer["metadata"] == {"group_keys": ["host.name"]}
    (series,) = answer["series"]
    assert series["resolution"] in (HOUR, HOUR + 1)
    assert (series["metric"], series["tags"], series["data"]) == ("claude_code.token.usage", {"host.name": "own"}, [7])


def test_what_mpl_refuses(metrics: Callable[..., Any], axiom: LocalAxiom) -> None:
    good = "`metrics`:`gauge` | align using sum"
    for status, body, message in (
        (400, _mpl("`metrics`:`gauge` | map rate"), "'map' is not understood here (line 1, column 21)"),
        (400, _mpl("`logs`:`gauge` | align using sum"), "APL"),
        (404, _mpl("`metrics`:`none` | align using sum"), "'none'"),
        (403, _mpl("`other`:`none` | align using sum"), "query|read"),
        (400, {"mpl": good}, "startTime"),
        (400, _mpl(good, params={}), "params"),
        (400, _mpl(good, apl=good), "mpl"),
        (400, [], "object"),
    ):
        found, answer = metrics("POST", "_mpl", body)
        assert (found, set(answer)) == (status, {"error", "message"})
        assert message in answer["message"]
    assert metrics("POST", "_mpl", _mpl(good), params={"format": "metrics-v1"})[0] == 400
    writer = axiom.mint(name="w", datasetCapabilities={"metrics": {"ingest": ["create"]}})["token"]
    assert metrics("POST", "_mpl", _mpl(good), writer)[0] == 403
    assert metrics("POST", "_mpl", _mpl(good), "xaat-unknown")[0] == 401
    assert metrics("POST", "_mpl", _mpl(good), axiom.personal_token())[0] == 403


def test_info(metrics: Callable[..., Any]) -> None:
    status, listed = metrics("GET", f"{INFO}/metrics")
    assert (status, list(listed)) == (200, NAMES)
    assert listed["claude_code.token.usage"] == {"type": "CounterMonotonic", "temporality": "Delta", "unit": "tokens"}
    assert listed["gauge"] == {"type": "Gauge", "temporality": None, "unit": None}
    assert listed["mixed"] == {"type": "CounterMonotonic", "temporality": "Mixed", "unit": "Mixed"}
    for path, expected in (
        ("metrics/claude_code.token.usage/tags", ["host.name", "model", "service.name"]),
        ("metrics/claude_code.token.usage/tags/host.name/values", ["own"]),
        ("tags", ["host.name", "model", "n", "service.name"]),
        ("tags/host.name/values", ["m1", "own"]),
        ("tags/n/values", ["1"]),
    ):
        assert metrics("GET", f"{INFO}/{path}") == (200, expected)
    assert metrics("POST", f"{INFO}/metrics", {"value": "opus"}) == (200, ["claude_code.token.usage"])
    assert metrics("POST", f"{INFO}/metrics", {"value": "nobody"}) == (200, [])
    for path in ("metrics/none/tags", "tags/none/values", "metrics/gauge/tags/model/values"):
        assert metrics("GET", f"{INFO}/{path}")[0] == 404
    assert metrics("GET", f"{INFO}/metrics", params={"start": "now-1h"})[0] == 400
    assert metrics("GET", "metrics/info/datasets/logs/metrics")[0] == 400
    earlier = {"start": "now-2h", "end": "now-1h"}
    assert metrics("GET", f"{INFO}/metrics", params=earlier) == (200, {})


def test_the_official_client_reads_our_series(metrics: Callable[..., Any], axiom: LocalAxiom) -> None:
    token = axiom.mint(name="second", datasetCapabilities={"metrics": {"query": ["read"]}})["token"]
    client = Client(token=token, url=axiom.url, edge_url=axiom.edge_urls["cloud.us-east-1.aws"])
    client.session.trust_env = False
    now = datetime.now(UTC)
    options = MplOptions(start_time=now - timedelta(hours=1), end_time=now)
    result = client.mpl_query("`metrics`:`gauge` | align to 30m using last | group by `host.name` using max", options)
    (series,) = result.series
    assert (series.tags, series.resolution) == ({"host.name": "m1"}, 1800)
    assert [value for value in series.data if value is not None] == [1.5]
    assert result.metadata.group_keys == ["host.name"]
    assert result.savedQueryID
    with pytest.raises(AxiomError, match=json.dumps("bad_request")[1:-1]):
        client.mpl_query("`metrics`:`gauge` | map rate", options)
    client.session.close()
