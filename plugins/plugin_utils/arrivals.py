# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory joined with what arrived in Axiom: which machine delivers, and what is known of those that do not.

Pure: what was asked for and answered goes in, a report as docs/report.schema.json describes it comes out. Instants are
integers, nanoseconds since 1970, as in token_policy.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import error_line, finding_line
from ansible_collections.devfleet.axiom.plugins.module_utils.query_answers import Series
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import (
    SECOND,
    PolicyError,
    format_instant,
    parse_instant,
)

SCHEMA_VERSION = 1
# With their words, in the order in which they matter to somebody who has to do something about them.
CLASSES = {
    "never_seen": "never seen",
    "stale": "stale settings or token",
    "logs_only": "logs only",
    "metrics_only": "metrics only",
    "unknown": "not in the inventory",
    "not_in_use": "Claude Code not in use",
    "delivering": "delivering",
}
# Nothing is wrong with these.
FINE = ("delivering", "not_in_use")
EVENTS = ("user_prompt", "tool_result", "api_request")
METRICS = ("session.count", "token.usage")
# Rows of one answer. A machine takes about three in a day: with settings, without, and after an update of the client.
MOST_ROWS = 50000
# Metrics are asked for in so many intervals, which is how exact last_metric is: half an hour of a day.
_INTERVALS = 48
_MINUTE = 60 * SECOND
NO_TEAM = "no team"
_NAMED = 20


class Source(NamedTuple):
    """What is asked in one go: a dataset, and the resource attribute that names the machine in it."""

    dataset: str
    attribute: str


class Expected(NamedTuple):
    """A machine of the inventory that should deliver.

    name: in the inventory. machine: the value of its machine attribute. logs, metrics: where each signal should arrive;
    None where the signal is switched off. token_name: of the token that it sends with. sha256: of the managed settings
    that it should have, None where that cannot be known; previous_sha256: with the secret before the last rotation.
    """

    name: str
    machine: str
    logs: Source | None
    metrics: Source | None
    token_name: str | None = None
    team: str | None = None
    sha256: str | None = None
    previous_sha256: str | None = None


class Window(NamedTuple):
    """The time that is looked at."""

    start: int
    end: int


class _Seen:
    """What arrived of one machine in one dataset."""

    def __init__(self) -> None:
        self.last: int | None = None
        self.version: str | None = None
        self.team: str | None = None
        self.signals: set[str] = set()
        self.settings: tuple[int, list[str], str | None] | None = None

    def add_events(self, row: Mapping[str, Any]) -> None:
        """One row of the answer to logs_query()."""
        last = parse_instant(row["last_event"])
        if self.last is None or last >= self.last:
            self.last = last
            self.version = row["version"] or self.version
            self.team = row["team"] or self.team
        self.signals.update(event for event in EVENTS if row[event])
        if row["source"] and (self.settings is None or last > self.settings[0]):
            self.settings = (last, _words(row["source"]), row["sha256"] or None)

    def add_metric(self, metric: str, last: int) -> None:
        """One series of the answer to metric_query()."""
        self.last = max(self.last or 0, last)
        self.signals.add(metric)


Index = Mapping[Source, Mapping[str, _Seen]]


def logs_query(source: Source) -> str:
    """Everything about the machines of a dataset for logs, in one query.

    An attribute may be a field of its own, or a key of a map field: a declared one, or Axiom's own for what
    OpenTelemetry has no convention for. Only Claude Code's events count, so the probe's never do.
    """
    machine = _attribute("resource", source.attribute)
    settings = [_attribute("attributes", f"managed_settings.{name}") for name in ("sources", "resolved_sha256")]
    maps = ", ".join(
        f"{name} = column_ifexists('{field}', dynamic({{}}))"
        for name, field in (
            ("attributes_map", "attributes"),
            ("attributes_custom", "attributes.custom"),
            ("resource_map", "resource"),
            ("resource_custom", "resource.custom"),
        )
    )
    counts = ", ".join(f'{event} = countif(event == "claude_code.{event}")' for event in EVENTS)
    return "\n".join(
        [
            f"['{source.dataset}']",
            "| extend event = tostring(column_ifexists('body', \"\"))",
            '| where event startswith "claude_code."',
            f"| extend {maps}",
            f"| extend machine = {machine}, team = {_attribute('resource', 'team')},"
            " version = tostring(column_ifexists('service.version', dynamic(null))),"
            f" source = {settings[0]}, sha256 = {settings[1]}",
            f"| summarize last_event = max(_time), {counts} by machine, team, version, source, sha256",
            f"| limit {MOST_ROWS}",
        ]
    )


def metric_query(source: Source, metric: str, window: Window) -> str:
    """When each machine last sent a metric. One query reads one metric of one dataset, so there are two per dataset."""
    minutes = max(1, -(-(window.end - window.start) // (_INTERVALS * _MINUTE)))
    return (
        f"`{source.dataset}`:`claude_code.{metric}` | align to {minutes}m using sum"
        f" | group by `{source.attribute}` using sum"
    )


def _attribute(prefix: str, name: str) -> str:
    field, maps = f"column_ifexists('{prefix}.{name}', dynamic(null))", (f"{prefix}_map", f"{prefix}_custom")
    return f"tostring(coalesce({', '.join([field, *(f'{each}[{name!r}]' for each in maps)])}))"


def _words(text: str) -> list[str]:
    """An attribute that is an array, as a query writes it."""
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return [str(word) for word in found] if isinstance(found, list) else [text]


def _is_row(row: Mapping[str, Any]) -> bool:
    """Whether a row has the columns of logs_query(), with what they can hold."""
    texts, numbers = ("machine", "team", "version", "source", "sha256"), EVENTS
    return (
        isinstance(row.get("last_event"), str)
        and all(name in row and isinstance(row[name], (str, type(None))) for name in texts)
        and all(name in row and isinstance(row[name], (int, float, type(None))) for name in numbers)
    )


class Arrived:
    """What the queries answered, by source and machine."""

    def __init__(self) -> None:
        self.logs: dict[Source, dict[str, _Seen]] = {}
        self.metrics: dict[Source, dict[str, _Seen]] = {}
        self.warnings: list[str] = []

    def add_logs(self, source: Source, rows: Sequence[Mapping[str, Any]]) -> None:
        """The rows of logs_query(). Raises PolicyError for others."""
        if not all(map(_is_row, rows)):
            raise PolicyError(
                f"Axiom answers with other columns than asked for, of the machines in {source.dataset}: update the"
                " collection"
            )
        found = self.logs.setdefault(source, {})
        for row in rows:
            found.setdefault(row["machine"] or "", _Seen()).add_events(row)
        if len(rows) >= MOST_ROWS:
            self.warnings.append(
                f"{source.dataset} has more to tell than the {MOST_ROWS} rows of one answer, so machines may be"
                " missing: set a shorter telemetry_verify_window"
            )
        self._nameless(source, found)

    def add_metric(self, source: Source, metric: str, series: Iterable[Series]) -> None:
        """The series of metric_query()."""
        found = self.metrics.setdefault(source, {})
        for one in series:
            if one.last is not None:
                found.setdefault(str(one.tags.get(source.attribute) or ""), _Seen()).add_metric(
                    metric, one.last * SECOND
                )
        self._nameless(source, found)

    def _nameless(self, source: Source, found: dict[str, _Seen]) -> None:
        if found.pop("", None):
            text = (
                f"{source.dataset} holds data without {source.attribute}, which no machine can be told from: enforce"
                " the machines that were set up before the collection wrote it"
            )
            self.warnings += [text] if text not in self.warnings else []


def report(machines: Sequence[Expected], inventory: Iterable[str], arrived: Arrived, window: Window) -> dict[str, Any]:
    """The report, from queries alone.

    :param machines: those that the report is about.
    :param inventory: values of the machine attribute of every machine of the inventory, whether the report is about it
        or not; what arrives from none of these is from an unknown machine.
    """
    warnings = list(arrived.warnings)
    on: list[Expected] = []
    off: list[str] = []
    for machine in machines:
        if machine.logs or machine.metrics or _anywhere(arrived, machine.machine):
            on.append(machine)
        else:
            off.append(machine.name)
    if off:
        warnings.append(f"switched off in the inventory, and so not in this report: {named(off)}")
    warnings += _twins(on)
    judge = _Judge(arrived, on)
    warnings += judge.warnings
    found = [judge.judged(machine) for machine in on]
    found += _unknown(arrived, {*inventory, *(machine.machine for machine in machines)})
    return _summed(
        {
            "schema_version": SCHEMA_VERSION,
            "generated_at": format_instant(window.end),
            "window": {"start": format_instant(window.start), "end": format_instant(window.end)},
            **_sources(machines),
            "machines": sorted(found, key=lambda machine: (not machine["in_inventory"], machine["machine"])),
            "warnings": warnings,
        }
    )


class _Judge:
    """Tells what class a machine is in."""

    def __init__(self, arrived: Arrived, machines: Sequence[Expected]) -> None:
        self._arrived = arrived
        known = [(machine.sha256, self._reported(machine)) for machine in machines if machine.sha256]
        reported = [pair for pair in known if pair[1]]
        # Where not one machine reports what it should have, there is more in the managed settings than we know.
        self._comparable = any(expected == found for expected, found in reported)
        self.warnings = []
        if reported and not self._comparable:
            self.warnings.append(
                "no machine reports exactly the managed settings that are declared, so which are out of date was not"
                " judged: others have settings there too (declare them in telemetry_verify_other_managed_settings), or"
                " nothing was enforced since the declaration changed"
            )

    def _reported(self, machine: Expected) -> str | None:
        seen = self._seen(machine.logs, machine.machine, self._arrived.logs)
        return seen.settings[2] if seen and seen.settings else None

    @staticmethod
    def _seen(source: Source | None, machine: str, index: Index) -> _Seen | None:
        return index.get(source, {}).get(machine) if source else None

    def judged(self, machine: Expected) -> dict[str, Any]:
        events = self._seen(machine.logs, machine.machine, self._arrived.logs)
        metrics = self._seen(machine.metrics, machine.machine, self._arrived.metrics)
        entry = _entry(machine.name, events, metrics)
        entry.update(in_inventory=True, team=machine.team or entry["team"], expected_sha256=machine.sha256)
        reasons = list(self._stale(machine, events))
        missing = [
            signal
            for signal, source, seen in (("logs", machine.logs, events), ("metrics", machine.metrics, metrics))
            if source and not seen
        ]
        elsewhere = _anywhere(self._arrived, machine.machine) - {machine.logs, machine.metrics}
        if missing and elsewhere:
            where = ", ".join(sorted({source.dataset for source in elsewhere if source}))
            message = f"sends to {where}, not where the inventory says"
            reasons.append(_reason("other_dataset", message, "enforce the machine; running sessions keep old settings"))
        if not machine.logs and not machine.metrics:
            fix = "enforce the machine; running sessions keep old settings"
            reasons.append(_reason("switched_off", "sends although the inventory switches it off", fix))
        entry["reasons"] = reasons
        if not events and not metrics:
            entry["class"] = "stale" if elsewhere else "never_seen"
        elif missing:
            entry["class"] = "logs_only" if events else "metrics_only"
        else:
            entry["class"] = "stale" if reasons else "delivering"
        return entry

    def _stale(self, machine: Expected, events: _Seen | None) -> Iterable[dict[str, str]]:
        found = events.settings if events else None
        if not machine.sha256 or not found:
            return
        _when, sources, sha256 = found
        fix = "enforce the machine; a running session keeps the settings that it started with"
        if sources and "file" not in sources:
            message = (
                f"the client takes its managed settings from {', '.join(sources)}, not from the file that we write"
            )
            yield _reason("other_source", message, "put the telemetry environment into that source")
        elif sha256 and sha256 == machine.previous_sha256:
            yield _reason("old_token", "a session still uses the secret before the last rotation", fix)
        elif sha256 and sha256 != machine.sha256 and self._comparable:
            message = "a session resolved other managed settings than the declared: older ones, or others' beside ours"
            yield _reason("old_settings", message, fix)


def _anywhere(arrived: Arrived, machine: str) -> set[Source | None]:
    return {source for index in (arrived.logs, arrived.metrics) for source, found in index.items() if machine in found}


def _twins(machines: Sequence[Expected]) -> list[str]:
    numbers = Counter(machine.machine for machine in machines)
    twins = [machine.name for machine in machines if numbers[machine.machine] > 1]
    text = (
        f"these machines cannot be told apart, because their claude_code_telemetry_machine is the same: {named(twins)}"
    )
    return [text] if twins else []


def named(names: Sequence[str]) -> str:
    """Names in a sentence; not all of a large fleet."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _unknown(arrived: Arrived, known: set[str]) -> list[dict[str, Any]]:
    names = {name for index in (arrived.logs, arrived.metrics) for found in index.values() for name in found} - known
    entries = []
    for name in names:
        events, metrics = [
            max(
                (found[name] for found in index.values() if name in found),
                key=lambda seen: seen.last or 0,
                default=None,
            )
            for index in (arrived.logs, arrived.metrics)
        ]
        entries.append({**_entry(name, events, metrics), "class": "unknown"})
    return entries


def _entry(name: str, events: _Seen | None, metrics: _Seen | None) -> dict[str, Any]:
    signals = (events.signals if events else set()) | (metrics.signals if metrics else set())
    _when, sources, sha256 = (events.settings if events else None) or (0, [], None)
    return {
        "machine": name,
        "class": "never_seen",
        "team": events.team if events else None,
        "in_inventory": False,
        "last_event": format_instant(events.last) if events and events.last else None,
        "last_metric": format_instant(metrics.last) if metrics and metrics.last else None,
        "client_version": events.version if events else None,
        "signals": [signal for signal in (*EVENTS, *METRICS) if signal in signals],
        "settings_source": sources,
        "settings_sha256": sha256,
        "expected_sha256": None,
        "reasons": [],
    }


def _reason(code: str, message: str, fix: str) -> dict[str, str]:
    return {"code": code, "message": message, "fix": fix}


def _sources(machines: Sequence[Expected]) -> dict[str, Any]:
    """Where the machines' data should arrive: one pair of datasets, or those of each token."""
    found = {
        (item.token_name, *(source.dataset if source else None for source in (item.logs, item.metrics)))
        for item in machines
        if item.logs or item.metrics
    }
    ordered = sorted(found, key=lambda names: tuple(name or "" for name in names))
    if len(ordered) == 1:
        return {"datasets": {"logs": ordered[0][1], "metrics": ordered[0][2]}}
    return {"sources": [{"token_name": token, "logs": logs, "metrics": metrics} for token, logs, metrics in ordered]}


def with_reasons(found: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The report after the silent machines were asked.

    :param answers: result of M(devfleet.axiom.claude_code_telemetry_info), or of the failure to ask, by machine.
    """
    machines = []
    for machine in found["machines"]:
        answer = answers.get(machine["machine"]) if machine["in_inventory"] else None
        if answer is None:
            machines.append(machine)
            continue
        unused = machine["class"] == "never_seen" and answer.get("in_use") is False
        machines.append(
            {
                **machine,
                "class": "not_in_use" if unused else machine["class"],
                "reasons": [] if unused else [*machine["reasons"], *_findings(answer)],
            }
        )
    return _summed({**found, "machines": machines})


def _findings(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    if answer.get("unreachable"):
        return [_reason("unreachable", "the machine could not be reached", "ask again when it is awake")]
    if "findings" not in answer:
        return [_reason("not_asked", f"the machine could not be asked: {error_line(answer.get('msg', ''))}", "")]
    return [
        _reason(item["code"], finding_line(item), item["fix"])
        for item in answer["findings"]
        if item["severity"] != "info"
    ]


def _summed(found: Mapping[str, Any]) -> dict[str, Any]:
    """The report with its numbers, which follow from its machines."""
    machines = found["machines"]
    expected = [machine for machine in machines if machine["in_inventory"] and machine["class"] != "not_in_use"]
    teams = sorted({machine["team"] for machine in expected if machine["team"]})
    by_team = [{"team": team, **_coverage([m for m in expected if m["team"] == team])} for team in teams]
    if teams and not all(machine["team"] for machine in expected):
        by_team.append({"team": NO_TEAM, **_coverage([machine for machine in expected if not machine["team"]])})
    classes = Counter(machine["class"] for machine in machines)
    versions = Counter(machine["client_version"] for machine in machines if machine["client_version"])
    return {
        **found,
        "coverage": _coverage(expected),
        "classes": {name: classes[name] for name in CLASSES},
        "teams": by_team,
        "client_versions": [
            {"version": version, "machines": versions[version]}
            for version in sorted(versions, key=_order, reverse=True)
        ],
    }


def _order(version: str) -> tuple[Any, ...]:
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in version.split("."))


def _coverage(expected: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    delivering = sum(machine["class"] == "delivering" for machine in expected)
    percent = delivering * 1000 // len(expected) / 10 if expected else None
    return {"expected": len(expected), "delivering": delivering, "percent": percent}


def silent(found: Mapping[str, Any]) -> list[str]:
    """Names of the machines of the inventory that do not deliver, though they should."""
    return [
        machine["machine"] for machine in found["machines"] if machine["in_inventory"] and machine["class"] not in FINE
    ]


def parse_percent(text: object) -> float:
    """A share as in C(95%), as a number from 0 to 100. Raises PolicyError."""
    try:
        number = float(str(text).strip().removesuffix("%"))
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise PolicyError(f"telemetry_verify_fail_below: {text!r} is no share such as 95%")
    return number


def falls_short(found: Mapping[str, Any], share: float) -> bool:
    """Whether fewer machines deliver than a share of those that should; of none, none is missing."""
    coverage = found["coverage"]
    return bool(coverage["delivering"] * 100 < share * coverage["expected"])
