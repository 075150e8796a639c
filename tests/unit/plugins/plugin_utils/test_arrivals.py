# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The join of the inventory with what arrived: every class, and what holds for any fleet."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.module_utils.query_answers import Series
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import SECOND, PolicyError, parse_instant
from ansible_collections.devfleet.axiom.plugins.plugin_utils import arrivals
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arrivals import Arrived, Expected, Source, Window

SCHEMA = json.loads((Path(__file__).parents[4] / "docs/report.schema.json").read_text())
NOON = parse_instant("2026-11-24T12:00:00Z")
WINDOW = Window(NOON - 24 * 3600 * SECOND, NOON)
LOGS, METRICS = Source("logs", "host.name"), Source("metrics", "host.name")
OTHER = Source("other-logs", "host.name")


def row(machine: str, when: str = "11:00", **more: Any) -> dict[str, Any]:
    """A row of the answer to the query for logs."""
    counts = {"user_prompt": 1, "tool_result": 0, "api_request": 2}
    texts = {"team": "", "version": "2.1.331", "source": "", "sha256": ""}
    return {"machine": machine, "last_event": f"2026-11-24T{when}:00Z", **counts, **texts, **more}


def settings(machine: str, sha256: str, when: str = "10:00", source: str = '["file"]') -> dict[str, Any]:
    return row(machine, when, user_prompt=0, api_request=0, source=source, sha256=sha256)


def series(machine: str, when: int = NOON // SECOND - 3600) -> Series:
    return Series({"host.name": machine}, when, 60, [1.0, None])


def expected(name: str, **more: Any) -> Expected:
    return Expected(**{"name": name, "machine": name, "logs": LOGS, "metrics": METRICS, **more})


def arrived(logs: list[dict[str, Any]], metrics: list[Series], other: list[dict[str, Any]] | None = None) -> Arrived:
    found = Arrived()
    found.add_logs(LOGS, logs)
    found.add_metric(METRICS, "session.count", metrics)
    found.add_metric(METRICS, "token.usage", [])
    if other:
        found.add_logs(OTHER, other)
    return found


def report(machines: list[Expected], found: Arrived, inventory: tuple[str, ...] = ()) -> dict[str, Any]:
    made = arrivals.report(machines, inventory, found, WINDOW)
    jsonschema.validate(made, SCHEMA)
    return made


def one(machine: Expected, found: Arrived) -> dict[str, Any]:
    (entry,) = report([machine], found)["machines"]
    return entry


def codes(entry: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in entry["reasons"]]


def test_a_machine_that_delivers() -> None:
    rows = [
        row("m"),
        row("m", "09:00", version="2.1.330", tool_result=4),
        settings("m", "new"),
        settings("m", "old", "08:00"),
    ]
    assert one(expected("m", team="core", sha256="new"), arrived(rows, [series("m")])) == {
        "machine": "m",
        "class": "delivering",
        "team": "core",
        "in_inventory": True,
        "last_event": "2026-11-24T11:00:00Z",
        "last_metric": "2026-11-24T11:00:00Z",
        "client_version": "2.1.331",
        "signals": ["user_prompt", "tool_result", "api_request", "session.count"],
        "settings_source": ["file"],
        "settings_sha256": "new",
        "expected_sha256": "new",
        "reasons": [],
    }


@pytest.mark.parametrize(
    ("machine", "logs", "metrics", "wanted"),
    [
        (expected("m"), [row("m")], [], "logs_only"),
        (expected("m"), [], [series("m")], "metrics_only"),
        (expected("m"), [], [], "never_seen"),
        (expected("m"), [], [Series({"host.name": "m"}, 0, 60, [None])], "never_seen"),
        (expected("m", metrics=None), [row("m")], [], "delivering"),
        (expected("m", logs=None), [], [series("m")], "delivering"),
        (expected("m", logs=None), [], [], "never_seen"),
        (expected("m", machine="pseudonym"), [row("pseudonym")], [series("pseudonym")], "delivering"),
    ],
)
def test_what_arrived_of_what_was_expected(
    machine: Expected, logs: list[dict[str, Any]], metrics: list[Series], wanted: str
) -> None:
    entry = one(machine, arrived(logs, metrics))
    assert (entry["machine"], entry["class"]) == ("m", wanted)


@pytest.mark.parametrize(
    ("reported", "wanted", "code"),
    [
        (settings("m", "declared"), "delivering", []),
        (settings("m", "before-the-rotation"), "stale", ["old_token"]),
        (settings("m", "something-else"), "stale", ["old_settings"]),
        (settings("m", "declared", source='["remote"]'), "stale", ["other_source"]),
        # A client without the digest says nothing about it.
        (settings("m", ""), "delivering", []),
        (row("m"), "delivering", []),
    ],
)
def test_settings_out_of_date(reported: dict[str, Any], wanted: str, code: list[str]) -> None:
    machines = [expected(name, sha256="declared", previous_sha256="before-the-rotation") for name in ("good", "m")]
    rows = [row("good"), settings("good", "declared"), row("m"), reported]
    found = report(machines, arrived(rows, [series("good"), series("m")]))["machines"][1]
    assert (found["class"], codes(found)) == (wanted, code)


def test_settings_that_nobody_matches_are_not_judged_but_an_old_token_is() -> None:
    machines = [expected(name, sha256="declared", previous_sha256="before") for name in ("a", "b")]
    rows = [row("a"), settings("a", "theirs-and-ours"), row("b"), settings("b", "before")]
    made = report(machines, arrived(rows, [series("a"), series("b")]))
    assert [entry["class"] for entry in made["machines"]] == ["delivering", "stale"]
    assert "telemetry_verify_other_managed_settings" in made["warnings"][0]


def test_a_machine_that_sends_elsewhere_or_although_it_is_switched_off() -> None:
    entry = one(expected("m"), arrived([], [], [row("m")]))
    assert (entry["class"], codes(entry)) == ("stale", ["other_dataset"])
    assert "sends to other-logs" in entry["reasons"][0]["message"]
    entry = one(expected("m", logs=None, metrics=None), arrived([row("m")], []))
    assert (entry["class"], codes(entry)) == ("stale", ["switched_off"])
    made = report([expected("m", logs=None, metrics=None)], arrived([], []))
    assert made["machines"] == []
    assert made["warnings"] == ["switched off in the inventory, and so not in this report: m"]


def test_unknown_machines_are_those_that_no_inventory_name_explains() -> None:
    rows = [row("m"), row("stranger", team="x"), row("not in this run")]
    made = report([expected("m")], arrived(rows, [series("m"), series("other stranger")]), ("m", "not in this run"))
    assert [(entry["machine"], entry["class"]) for entry in made["machines"]] == [
        ("m", "delivering"),
        ("other stranger", "unknown"),
        ("stranger", "unknown"),
    ]
    assert made["coverage"] == {"expected": 1, "delivering": 1, "percent": 100.0}


def test_what_makes_a_report_less_sure_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST_ROWS", 3)
    twins = [expected("a", machine="same"), expected("b", machine="same")]
    warnings = report(twins, arrived([row("same"), row(""), row("x")], [Series({}, 5, 60, [1.0])]))["warnings"]
    assert "more to tell than the 3 rows" in warnings[0]
    assert warnings[1].startswith("logs holds data without host.name")
    assert warnings[2].startswith("metrics holds data without host.name")
    assert warnings[3].endswith("is the same: a, b")
    assert len(warnings) == 4


def test_teams_and_versions_are_counted() -> None:
    machines = [expected("a", team="x"), expected("b", team="x"), expected("c", team="y"), expected("d")]
    rows = [row("a"), row("b", version="2.1.99"), row("c", version="2.1.100"), row("d", version="")]
    made = report(machines, arrived(rows, [series("a"), series("c")]))
    assert made["teams"] == [
        {"team": "x", "expected": 2, "delivering": 1, "percent": 50.0},
        {"team": "y", "expected": 1, "delivering": 1, "percent": 100.0},
        {"team": arrivals.NO_TEAM, "expected": 1, "delivering": 0, "percent": 0.0},
    ]
    assert [item["version"] for item in made["client_versions"]] == ["2.1.331", "2.1.100", "2.1.99"]


def test_several_teams_are_listed_by_their_sources() -> None:
    machines = [expected("a", token_name="x"), expected("b", token_name="y", logs=OTHER)]
    assert report(machines, arrived([], []))["sources"] == [
        {"token_name": "x", "logs": "logs", "metrics": "metrics"},
        {"token_name": "y", "logs": "other-logs", "metrics": "metrics"},
    ]


def test_the_answers_of_silent_machines_become_reasons() -> None:
    names = ["asleep", "broken", "good", "idle", "odd", "used"]
    made = report([expected(name) for name in names], arrived([row("good")], [series("good")]))
    finding = {"severity": "error", "code": "headers_helper", "path": "/p", "message": "m", "fix": "f", "user": None}
    asked = {
        "asleep": {"unreachable": True, "msg": "no route"},
        "broken": {"findings": [finding, {**finding, "severity": "info"}], "in_use": True},
        "idle": {"findings": [finding], "in_use": False},
        "odd": {"failed": True, "msg": "no\npython"},
        "used": {"findings": [], "in_use": None},
    }
    found = arrivals.with_reasons(made, asked)
    jsonschema.validate(found, SCHEMA)
    by_name = {entry["machine"]: entry for entry in found["machines"]}
    assert {name: (entry["class"], codes(entry)) for name, entry in by_name.items()} == {
        "asleep": ("never_seen", ["unreachable"]),
        "broken": ("never_seen", ["headers_helper"]),
        "good": ("delivering", []),
        "idle": ("not_in_use", []),
        "odd": ("never_seen", ["not_asked"]),
        "used": ("never_seen", []),
    }
    assert by_name["broken"]["reasons"] == [{"code": "headers_helper", "message": "/p m", "fix": "f"}]
    assert found["coverage"] == {"expected": 5, "delivering": 1, "percent": 20.0}
    assert arrivals.silent(found) == ["asleep", "broken", "odd", "used"]


@pytest.mark.parametrize(("text", "number"), [("95%", 95), ("95", 95), ("99.5 %", 99.5), (100, 100), ("0", 0)])
def test_shares_are_written_in_many_ways(text: Any, number: float) -> None:
    assert arrivals.parse_percent(text) == number


@pytest.mark.parametrize("text", ["", "many", "101%", "-1", "nan", "inf"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="telemetry_verify_fail_below"):
        arrivals.parse_percent(text)


def test_a_share_is_exact() -> None:
    machines = [expected(f"m{number}") for number in range(2000)]
    rows = [row(f"m{number}") for number in range(1899)]
    made = report(machines, arrived(rows, [series(f"m{number}") for number in range(1899)]))
    assert made["coverage"]["percent"] == 94.9
    assert arrivals.falls_short(made, 95)
    assert not arrivals.falls_short(made, 94.95)
    assert not arrivals.falls_short(report([], arrived([], [])), 100)


def test_the_queries_name_the_dataset_the_attribute_and_no_machine() -> None:
    source = Source("my-logs", "machine.id")
    query = arrivals.logs_query(source)
    assert query.startswith("['my-logs']\n")
    assert "resource_custom['machine.id']" in query
    assert arrivals.metric_query(source, "session.count", WINDOW) == (
        "`my-logs`:`claude_code.session.count` | align to 30m using sum | group by `machine.id` using sum"
    )
    assert "to 1m using" in arrivals.metric_query(source, "session.count", Window(NOON - 60 * SECOND, NOON))


NAMES = [f"m{number}" for number in range(6)]
FLEET = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, "a", "b"])), max_size=5
)
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from([*NAMES, "stranger", ""]),
        st.sampled_from(["01:00", "05:30", "11:59"]),
        sha256=st.sampled_from(["", "a", "b", "c"]),
        source=st.sampled_from(["", '["file"]', "odd"]),
    ),
    max_size=12,
)
POINTS = st.lists(
    st.builds(series, st.sampled_from([*NAMES, "stranger", ""]), st.integers(1, NOON // SECOND)), max_size=8
)


@given(FLEET, ROWS, POINTS, st.integers())
def test_every_machine_is_counted_once_and_in_the_right_class(
    fleet: dict[str, Any], rows: list[dict[str, Any]], points: list[Series], seed: int
) -> None:
    machines = [
        expected(name, logs=LOGS if logs else None, metrics=METRICS if metrics else None, sha256=sha256)
        for name, (logs, metrics, sha256) in fleet.items()
    ]
    made = report(machines, arrived(rows, points))
    entries = {entry["machine"]: entry for entry in made["machines"]}
    assert len(entries) == len(made["machines"]) == sum(made["classes"].values())
    sent = {entry["machine"] for entry in rows} - {""}, {str(point.tags["host.name"]) for point in points} - {""}
    anything = sent[0] | sent[1]
    assert {name for name, entry in entries.items() if entry["class"] == "unknown"} == anything - set(fleet)
    assert set(fleet) - set(entries) == {name for name, on in fleet.items() if not any(on[:2]) and name not in anything}
    for name in set(fleet) & set(entries):
        wanted = [here for on, here in zip(fleet[name][:2], (name in sent[0], name in sent[1]), strict=True) if on]
        entry = entries[name]
        assert (entry["class"] == "never_seen") == (not any(wanted) and bool(wanted) and name not in anything)
        if entry["class"] == "delivering":
            assert wanted
            assert all(wanted)
            assert not entry["reasons"]
        if wanted and all(wanted):
            assert entry["class"] == ("stale" if entry["reasons"] else "delivering")
    assert made["coverage"]["delivering"] + len(arrivals.silent(made)) == made["coverage"]["expected"]
    # Whatever the order in which Axiom answers, and whether nobody answers when asked.
    random.Random(seed).shuffle(points)
    assert report(machines, arrived(rows, points)) == made
    assert arrivals.with_reasons(made, {}) == made
