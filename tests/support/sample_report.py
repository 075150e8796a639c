# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports (docs/report.schema.json) of made-up fleets, the same on every call."""

from __future__ import annotations

import datetime
import random
from typing import Any

END = datetime.datetime(2026, 11, 24, 22, 0, tzinfo=datetime.UTC)
CLASSES = ("delivering", "logs_only", "metrics_only", "stale", "never_seen", "unknown", "not_in_use")
SIGNALS = ["user_prompt", "tool_result", "api_request", "session.count", "token.usage"]
TEAMS = ("payments", "platform", "research", "mobile", "data", "security")
VERSIONS = ("2.1.330", "2.1.317", "2.1.223", "2.1.197")
# Codes and texts as claude_code_telemetry_info words them.
REASONS = {
    "never_seen": [
        ("not_installed", "no telemetry environment is installed in any source", "run devfleet.axiom.enforce"),
        ("wrong_mode", "/etc/claude-code/managed-settings.json is not readable by developers", "set its mode to 0644"),
        ("endpoint_unreachable", "the logs endpoint refuses the connection", "open the way to the edge in the proxy"),
    ],
    "logs_only": [("metrics_header", "x-axiom-metrics-dataset is not set", "run devfleet.axiom.enforce")],
    "metrics_only": [("logs_header", "x-axiom-dataset is not set", "run devfleet.axiom.enforce")],
    "stale": [("other_settings", "resolved settings are not those declared", "restart Claude Code, then enforce")],
    "unknown": [],
    "delivering": [],
    "not_in_use": [("client_missing", "Claude Code is not installed", "")],
}


def instant(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def machine(name: str, kind: str = "delivering", **changes: Any) -> dict[str, Any]:
    """One entry, with everything as its class has it."""
    seen = kind not in ("never_seen", "not_in_use")
    event, metric = seen and kind != "metrics_only", seen and kind != "logs_only"
    return {
        "machine": name,
        "class": kind,
        "team": None if kind == "unknown" else "platform",
        "in_inventory": kind != "unknown",
        "last_event": instant(END - datetime.timedelta(minutes=7)) if event else None,
        "last_metric": instant(END - datetime.timedelta(minutes=9)) if metric else None,
        "client_version": VERSIONS[0] if seen else None,
        "signals": SIGNALS[: 3 if event else 0] + (SIGNALS[3:] if metric else []),
        "settings_source": ["file"] if event else [],
        "settings_sha256": None,
        "expected_sha256": None,
        "reasons": [{"code": code, "message": text, "fix": fix} for code, text, fix in REASONS[kind][:1]],
        **changes,
    }


def report(machines: list[dict[str, Any]], warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    """A report of these machines, with its counts."""

    def coverage(of: list[dict[str, Any]]) -> dict[str, Any]:
        expected = [item for item in of if item["in_inventory"] and item["class"] != "not_in_use"]
        delivering = sum(item["class"] == "delivering" for item in expected)
        percent = round(100 * delivering / len(expected), 1) if expected else None
        return {"expected": len(expected), "delivering": delivering, "percent": percent}

    versions = [item["client_version"] for item in machines if item["client_version"]]
    teams = sorted({item["team"] for item in machines if item["team"]})
    return {
        "schema_version": 1,
        "generated_at": instant(END),
        "window": {"start": instant(END - datetime.timedelta(days=7)), "end": instant(END)},
        "datasets": {"logs": "claude-code-logs", "metrics": "claude-code-metrics"},
        "coverage": coverage(machines),
        "classes": {kind: sum(item["class"] == kind for item in machines) for kind in CLASSES},
        "teams": [{"team": team, **coverage([item for item in machines if item["team"] == team])} for team in teams],
        "client_versions": [
            {"version": version, "machines": versions.count(version)} for version in VERSIONS if version in versions
        ],
        "machines": machines,
        "warnings": list(warnings),
    }


def fleet(size: int) -> dict[str, Any]:
    """A report of so many machines, of every class."""
    chance = random.Random(size)
    machines = []
    for number in range(size):
        kind = chance.choices(CLASSES, weights=(860, 12, 9, 38, 46, 10, 25))[0]
        entry = machine(f"dev-{chance.choice(['mac', 'lnx', 'wsl'])}-{number:04}", kind)
        quiet = datetime.timedelta(minutes=int(chance.expovariate(1 / 400)))
        for field in ("last_event", "last_metric"):
            if entry[field]:
                entry[field] = instant(END - quiet)
        if entry["client_version"]:
            entry["client_version"] = chance.choices(VERSIONS, weights=(70, 20, 8, 2))[0]
        if entry["in_inventory"]:
            entry["team"] = chance.choices(TEAMS, weights=(6, 5, 4, 3, 2, 1))[0]
        if REASONS[kind]:
            code, text, fix = chance.choice(REASONS[kind])
            entry["reasons"] = [{"code": code, "message": text, "fix": fix}]
        machines.append(entry)
    return report(machines)
