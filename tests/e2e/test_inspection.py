# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to take the telemetry away does so with the real client, and what is said to be harmless does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.module_utils import inspection
from e2e.conftest import MakeMachine
from e2e.fleet import EVERYTHING, Fleet
from e2e.machine import USER, Machine

OWN = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer xaat-00000000-0000-4000-8000-00000000face"}
HELPER = {"otelHeadersHelper": """echo '{"Authorization": "Bearer own"}'"""}
USER_SETTINGS = ".claude/settings.json"
BARE: dict[str, Any] = {"shield": False}
# Where it is written, what, with which options for ours, and the errors that are to be found.
STATES: dict[str, tuple[str, str, dict[str, Any], list[str]]] = {
    "helper": (f"home/{USER}/{USER_SETTINGS}", json.dumps(HELPER), BARE, ["headers_helper"]),
    "helper, shield": (f"home/{USER}/{USER_SETTINGS}", json.dumps(HELPER), {}, []),
    "headers": (f"home/{USER}/{USER_SETTINGS}", json.dumps({"env": OWN}), BARE, ["stale_user_settings"]),
    "headers, shield": (f"home/{USER}/{USER_SETTINGS}", json.dumps({"env": OWN}), {}, []),
    "drop-in": (
        "etc/claude-code/managed-settings.d/95-x.json",
        '{"env": {"OTEL_LOGS_EXPORTER": "none"}}',
        {},
        ["overridden"],
    ),
    "endpoint": (
        f"home/{USER}/{USER_SETTINGS}",
        '{"env": {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:1/v1/logs"}}',
        {"targets": ["shell_profile"], "users": [USER]},
        ["stale_user_settings"],
    ),
}


def inspect(machine: Machine) -> dict[str, Any]:
    options = {"users": [USER], "drop_in_name": "90-axiom-telemetry.json", "platform": "linux"}
    return inspection.inspect({**options, "prefix": str(machine.root)})


@pytest.mark.parametrize("state", STATES)
def test_errors_are_found_where_telemetry_is_lost_and_nowhere_else(
    fleet: Fleet, make_machine: MakeMachine, state: str
) -> None:
    path, text, options, expected = STATES[state]
    machine = make_machine(f"inspected-{list(STATES).index(state)}")
    fleet.enforce(machine, **options)
    document = machine.root / path
    machine.write_json(document, {})
    document.write_text(text)
    errors = [finding for finding in inspect(machine)["findings"] if finding["severity"] == "error"]
    assert [(finding["code"], finding["path"]) for finding in errors] == [(code, str(document)) for code in expected]
    if options.get("targets") == ["shell_profile"]:
        machine.run("bash", "-lc", "claude -p hi")
    else:
        machine.ask()
    assert (fleet.arrivals() == EVERYTHING) == (not expected)


def test_the_variables_said_to_be_in_effect_are_what_the_client_reports(
    fleet: Fleet, make_machine: MakeMachine
) -> None:
    machine = make_machine("inspected-variables")
    fleet.enforce(machine)
    in_effect = {entry["name"]: entry["value"] for entry in inspect(machine)["variables"]}
    machine.ask()
    events = [row for row in fleet.axiom.arrived("logs") if row["body"] == "claude_code.managed_settings_resolved"]
    if not events:
        pytest.skip("this client is too old to report its managed settings")
    reported = json.loads(events[0]["attributes"]["managed_settings.settings"])["env"]
    assert sorted(name for name in reported if name in in_effect) == sorted(in_effect)
