# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's own settings as the real client understands them, and what outranks them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from e2e.conftest import MakeMachine
from e2e.fleet import EVERYTHING, Fleet
from e2e.machine import PROMPT, UNDISTURBED, USER, Machine

OPTIONS: dict[str, Any] = {"targets": ["user_settings"], "users": [USER]}
OWN = "xaat-00000000-0000-4000-8000-00000000face"
FOREIGN = {"permissions": {"deny": ["WebSearch"]}, "env": {"THEIRS": "1"}}
# What a shell may export without a say in a user's settings.
SHELL = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "0",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_LOG_USER_PROMPTS": "1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:1/v1/logs",
    "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {OWN},x-axiom-dataset=own",
}


@pytest.fixture(scope="module")
def machine(fleet: Fleet, make_machine: MakeMachine) -> Machine:
    machine = make_machine("user-settings")
    fleet.enforce(machine, **OPTIONS)
    return machine


@pytest.mark.parametrize("shell", [{}, SHELL], ids=["bare", "a shell's own variables"])
def test_the_client_delivers_whatever_a_shell_exports(machine: Machine, fleet: Fleet, shell: dict[str, str]) -> None:
    assert machine.ask(shell) == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    assert sorted(fleet.sent()) == [("/v1/logs", 200), ("/v1/metrics", 200)]


def test_a_project_can_switch_a_signal_off_and_lead_nothing_away(machine: Machine, fleet: Fleet) -> None:
    """What the documentation says of this target, and of no other."""
    document = machine.work / ".claude/settings.json"
    away = {f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": "http://127.0.0.1:1" for signal in ("LOGS", "METRICS")}
    machine.write_json(document, {"env": {**away, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOG_USER_PROMPTS": "1"}})
    try:
        assert machine.ask() == UNDISTURBED
    finally:
        document.unlink()
    assert fleet.arrivals() == {route: names for route, names in EVERYTHING.items() if route.signal == "logs"}
    assert PROMPT not in json.dumps(fleet.axiom.arrived())


def test_foreign_settings_stay_and_removal_restores_them(fleet: Fleet, make_machine: MakeMachine) -> None:
    machine = make_machine("user-settings-foreign")
    document = machine.home / ".claude/settings.json"
    machine.write_json(document, FOREIGN)
    for path in (document, document.parent):
        os.chown(path, machine.uid, -1)
    before = document.read_bytes()
    fleet.enforce(machine, **OPTIONS)
    assert json.loads(document.read_text())["permissions"] == FOREIGN["permissions"]
    assert machine.ask() == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    fleet.axiom.clear_requests()
    fleet.remove(machine, users=[USER])
    assert document.read_bytes() == before
    assert machine.ask() == UNDISTURBED
    assert fleet.sent() == []


def test_the_shield_overrides_unshielded_managed_settings(fleet: Fleet, make_machine: MakeMachine) -> None:
    """Why `user_settings` is refused where managed settings hold something else."""
    machine = make_machine("user-above-managed")
    fleet.enforce(machine, shield=False)
    user = {"env": {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {OWN}"}}
    machine.write_json(machine.home / ".claude/settings.json", user)
    machine.ask()
    assert sorted(fleet.sent()) == [("/v1/logs", 401), ("/v1/metrics", 401)]
