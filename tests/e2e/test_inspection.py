# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to take the telemetry away does so with the real client, and what is said to be harmless does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.module_utils import inspection
from e2e.conftest import MakeMachine, current_client
from e2e.fleet import EVERYTHING, Fleet
from e2e.machine import PROMPT, USER, WORK, Machine
from e2e.stub import StubServer

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

USER_TARGET: dict[str, Any] = {"targets": ["user_settings"], "users": [USER]}
SHELL_TARGET: dict[str, Any] = {"targets": ["shell_profile"]}
SHARED, LOCAL = "settings.json", "settings.local.json"
ELSEWHERE = {f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": "http://127.0.0.1:1" for signal in ("LOGS", "METRICS")}
ATTRIBUTES = {"OTEL_RESOURCE_ATTRIBUTES": "department=project"}
PROMPTS = {"OTEL_LOG_USER_PROMPTS": "1"}
# Options for ours, a file of the project and what it says. What comes of it depends on the release.
PROJECTS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "drop-in, everything": ({}, SHARED, {"env": {**ELSEWHERE, **OWN, **ATTRIBUTES, **PROMPTS}, **HELPER}),
    "merged, helper": ({"managed_settings_layout": "merge"}, SHARED, HELPER),
    "unshielded, headers": ({"managed_settings_layout": "merge", **BARE}, SHARED, {"env": OWN}),
    "user, signal": (USER_TARGET, SHARED, {"env": {"OTEL_METRICS_EXPORTER": "none"}}),
    "user, signal, local": (USER_TARGET, LOCAL, {"env": {"OTEL_LOGS_EXPORTER": "none"}}),
    "user, endpoints": (USER_TARGET, SHARED, {"env": ELSEWHERE}),
    "user, endpoints, local": (USER_TARGET, LOCAL, {"env": ELSEWHERE}),
    "user, attributes": (USER_TARGET, SHARED, {"env": ATTRIBUTES}),
    "user, prompts": (USER_TARGET, SHARED, {"env": PROMPTS}),
    "user, helper": (USER_TARGET, SHARED, HELPER),
    "user, off": (USER_TARGET, SHARED, {"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "0"}}),
    "shell, signal": (SHELL_TARGET, SHARED, {"env": {"OTEL_METRICS_EXPORTER": "none"}}),
    "shell, headers": (SHELL_TARGET, SHARED, {"env": OWN}),
    "shell, attributes, local": (SHELL_TARGET, LOCAL, {"env": ATTRIBUTES}),
    "shell, helper, local": (SHELL_TARGET, LOCAL, HELPER),
}

# Options for ours, and the settings in a directory that a start-up file names.
CONFIG_DIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "user": (USER_TARGET, {}),
    "drop-in": ({}, {"env": {**ELSEWHERE, **OWN}, **HELPER}),
    "merged, helper": ({"managed_settings_layout": "merge"}, HELPER),
    "shell": (SHELL_TARGET, {}),
    "shell, signal": (SHELL_TARGET, {"env": {"OTEL_LOGS_EXPORTER": "none"}}),
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


@pytest.mark.parametrize("state", PROJECTS)
def test_what_a_project_takes_is_found_by_release(
    folder: Path, fleet: Fleet, api: StubServer, release: str, state: str
) -> None:
    """In a folder that the user trusts, which until 2.1.83 a helper of a project needs. The release is told to us."""
    options, name, document = PROJECTS[state]
    machine = Machine(
        folder / f"project-{list(PROJECTS).index(state)}-{release}", current_client().parent / release, api
    )
    fleet.enforce(machine, **options)
    program = machine.root / "usr/local/bin/claude"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {release}\n")
    program.chmod(0o755)
    settings = machine.work / ".claude" / name
    machine.write_json(settings, document)
    trusting = machine.home / ".claude.json"
    machine.write_json(trusting, {"projects": {str(WORK): {"hasTrustDialogAccepted": True}}})
    os.chown(trusting, machine.uid, -1)
    if options is SHELL_TARGET:
        machine.run("bash", "-lc", f"claude -p '{PROMPT}'")
    else:
        machine.ask()
    found = inspect(machine)["findings"]
    of_project = [finding for finding in found if finding["code"].startswith("project_")]
    assert {finding["path"] for finding in of_project} <= {str(settings)}
    assert (fleet.arrivals() != EVERYTHING) == any(finding["severity"] == "error" for finding in found), found
    rows = fleet.axiom.arrived()
    changed = PROMPT in json.dumps(rows) or "project" in {row["resource"]["department"] for row in rows}
    assert changed == any(finding["code"] == "project_changes_telemetry" for finding in of_project), found


@pytest.mark.parametrize("state", CONFIG_DIRS)
def test_a_directory_of_the_users_own_choice_is_found(fleet: Fleet, make_machine: MakeMachine, state: str) -> None:
    options, document = CONFIG_DIRS[state]
    machine = make_machine(f"config-dir-{list(CONFIG_DIRS).index(state)}")
    fleet.enforce(machine, **options)
    (machine.home / ".profile").write_text("export CLAUDE_CONFIG_DIR=$HOME/own\n")
    machine.write_json(machine.home / "own/settings.json", document)
    os.chown(machine.home / "own", machine.uid, -1)
    machine.run("bash", "-lc", "claude -p hi")
    found = inspect(machine)["findings"]
    assert (fleet.arrivals() != EVERYTHING) == any(finding["severity"] == "error" for finding in found), found
    assert not (machine.home / ".claude.json").exists()
    assert (machine.home / "own/.claude.json").exists()


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
