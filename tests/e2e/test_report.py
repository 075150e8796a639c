# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real clients send, as the report sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.conftest import MakeMachine
from e2e.fleet import Fleet


def reports_settings(fleet: Fleet) -> bool:
    return any(row["body"] == "claude_code.managed_settings_resolved" for row in fleet.axiom.arrived("logs"))


def test_a_machine_that_was_used_delivers_with_the_settings_that_the_controller_worked_out(
    fleet: Fleet, make_machine: MakeMachine
) -> None:
    machine = make_machine("reported")
    fleet.enforce(machine)
    before = fleet.report(machine)
    assert [entry["class"] for entry in before["machines"]] == ["never_seen"]
    machine.ask()
    (entry,) = fleet.report(machine)["machines"]
    assert (entry["machine"], entry["class"], entry["reasons"]) == ("laptop", "delivering", [])
    assert {"user_prompt", "api_request", "session.count", "token.usage"} <= set(entry["signals"])
    assert entry["client_version"] == fleet.resource("service.version")
    if not reports_settings(fleet):
        pytest.skip("this client is too old to report its managed settings")
    assert entry["settings_source"] == ["file"]
    assert entry["settings_sha256"] == entry["expected_sha256"]


def test_settings_of_others_are_part_of_the_digest_where_they_are_declared(
    fleet: Fleet, make_machine: MakeMachine
) -> None:
    theirs: dict[str, Any] = {
        "cleanupPeriodDays": 30,
        "env": {"POLICY": "theirs"},
        "permissions": {"deny": ["WebSearch"]},
    }
    machine = make_machine("reported-with-others")
    machine.write_json(machine.etc / "claude-code/managed-settings.json", theirs)
    fleet.enforce(machine)
    machine.ask()
    undeclared = fleet.report(machine)
    assert [entry["class"] for entry in undeclared["machines"]] == ["delivering"]
    if not reports_settings(fleet):
        pytest.skip("this client is too old to report its managed settings")
    assert "telemetry_verify_other_managed_settings" in json.dumps(undeclared["warnings"])
    (entry,) = fleet.report(machine, telemetry_verify_other_managed_settings=theirs)["machines"]
    assert entry["settings_sha256"] == entry["expected_sha256"]
