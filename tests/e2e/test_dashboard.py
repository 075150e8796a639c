# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard's queries find in what this version of the client sends what they look for."""

from __future__ import annotations

import json

import pytest
from support import dashboard

from e2e.conftest import WRITE_RECORDING, MakeMachine
from e2e.fleet import Fleet
from e2e.machine import UNDISTURBED
from e2e.stub import TOOLS_PROMPT


def test_every_chart_shows_what_two_machines_did(
    fleet: Fleet, make_machine: MakeMachine, request: pytest.FixtureRequest
) -> None:
    for team in ("payments", "platform"):
        machine = make_machine(f"{team}-laptop")
        fleet.enforce(machine, machine=f"{team}-laptop", resource_attributes={"team": team})
        (machine.work / "notes.txt").write_text("notes")
        assert machine.ask(prompt=TOOLS_PROMPT) == UNDISTURBED
    arrived = fleet.axiom.arrived()
    version = arrived[0]["resource"]["service.version"]
    recording = dashboard.recording(arrived, version)
    if request.config.getoption(WRITE_RECORDING):
        dashboard.RECORDING.write_text(json.dumps(recording, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    window = dashboard.Recording(recording)
    found = dashboard.answers(fleet.axiom, fleet.dashboard(), window.start, window.end)
    assert [chart for chart, rows in found.items() if not rows] == []
    assert found["machines"] == [{"Machines": 2}]
    assert found["sessions"] == [{"value": 2}]
    assert found["versions"] == [{"version": version, "Machines": 2}]
    assert found["tools"] == [{"tool": "Read", "Calls": 4, "Failures": 2, "Failed_percent": 50.0}]
    assert {row["team"] for row in found["cost-by-team"]} == {"payments", "platform"}
    assert {row["type"] for row in found["tokens-by-model"]} >= {"input", "output"}
    assert all(row["model"].startswith("claude-") for row in found["latency-by-model"])
    assert all(row["p95"] >= row["p50"] > 0 for row in found["latency"])
