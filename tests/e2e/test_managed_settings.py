# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed settings as the real client understands them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.conftest import MakeMachine
from e2e.fleet import ATTRIBUTES, EVERYTHING, REVOKED_TOKEN, Fleet
from e2e.machine import HOME, PROMPT, UNDISTURBED, Machine
from e2e.stub import ANSWER, StubServer

FOREIGN = {
    "permissions": {"deny": ["WebSearch"]},
    "hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": f"echo $POLICY >{HOME}/hook"}]}]},
    "env": {"POLICY": "foreign, and in force"},
}
OWN = "the-developers-own"


@pytest.fixture(scope="module")
def machine(fleet: Fleet, make_machine: MakeMachine) -> Machine:
    """Enforced with nothing but what an inventory has to say."""
    machine = make_machine("managed")
    fleet.enforce(machine)
    return machine


@pytest.fixture
def collector() -> Iterator[StubServer]:
    """The developer's own collector, to which nothing may go."""
    with StubServer() as stub:
        yield stub


def own_telemetry(collector: StubServer) -> dict[str, str]:
    """Everything that a developer could set to lead telemetry away or to make it say more."""
    signals = {
        variable: value
        for signal in ("LOGS", "METRICS")
        for variable, value in {
            f"OTEL_{signal}_EXPORTER": "console",
            f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT": f"{collector.url}/v1/{signal.lower()}",
            f"OTEL_EXPORTER_OTLP_{signal}_HEADERS": f"Authorization=Bearer {OWN}",
        }.items()
    }
    switches = ("USER_PROMPTS", "ASSISTANT_RESPONSES", "TOOL_DETAILS", "RAW_API_BODIES")
    return {
        **signals,
        **{f"OTEL_LOG_{switch}": "1" for switch in switches},
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {OWN},x-axiom-dataset={OWN},x-axiom-metrics-dataset={OWN}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_RESOURCE_ATTRIBUTES": f"department={OWN}",
        "OTEL_RESOURCE_INCLUDE_HOST": "0",
        "OTEL_SDK_DISABLED": "true",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "0",
    }


def everything_that_arrived(fleet: Fleet) -> str:
    return json.dumps(fleet.axiom.arrived(), ensure_ascii=False)


def resources(fleet: Fleet) -> list[dict[str, Any]]:
    return [row["resource"] for row in fleet.axiom.arrived()]


def test_the_client_delivers_events_and_metrics_each_to_its_dataset(machine: Machine, fleet: Fleet) -> None:
    assert machine.ask() == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    assert sorted(fleet.sent()) == [("/v1/logs", 200), ("/v1/metrics", 200)]


def test_prompt_and_answer_are_redacted(machine: Machine, fleet: Fleet) -> None:
    machine.ask()
    (prompt,) = [row for row in fleet.axiom.arrived("logs") if row["body"] == "claude_code.user_prompt"]
    assert prompt["attributes"]["prompt"] == "<REDACTED>"
    assert PROMPT not in everything_that_arrived(fleet)
    assert ANSWER not in everything_that_arrived(fleet)


def test_resource_attributes_arrive_intact_and_the_host_is_named(machine: Machine, fleet: Fleet) -> None:
    machine.ask()
    arrived = resources(fleet)
    assert arrived
    # The name in the inventory, whatever the machine calls itself.
    expected = {**ATTRIBUTES, "service.name": "claude-code", "host.name": "laptop"}
    for resource in arrived:
        assert {name: resource.get(name) for name in expected} == expected


@pytest.mark.parametrize("place", ["shell", "user", "project", "everywhere"])
def test_developers_own_settings_change_nothing(
    machine: Machine, fleet: Fleet, collector: StubServer, place: str
) -> None:
    own = own_telemetry(collector)
    documents = {"user": machine.home / ".claude/settings.json", "project": machine.work / ".claude/settings.json"}
    wanted = {name: path for name, path in documents.items() if place in (name, "everywhere")}
    for path in wanted.values():
        machine.write_json(path, {"env": own})
    try:
        outcome = machine.ask(own if place in ("shell", "everywhere") else None)
    finally:
        for path in wanted.values():
            path.unlink()
    assert outcome == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    assert collector.requests == []
    assert [status for _path, status in fleet.sent()] == [200, 200]
    assert {resource["department"] for resource in resources(fleet)} == {ATTRIBUTES["department"]}
    for private in (PROMPT, ANSWER, OWN):
        assert private not in everything_that_arrived(fleet)


@pytest.mark.parametrize("place", ["home", "work"])
def test_a_developers_headers_helper_is_not_even_run(machine: Machine, fleet: Fleet, place: str) -> None:
    document = getattr(machine, place) / ".claude/settings.json"
    answer = json.dumps({"Authorization": f"Bearer {OWN}"})
    machine.write_json(document, {"otelHeadersHelper": f"touch {HOME}/ran; echo '{answer}'"})
    try:
        outcome = machine.ask()
    finally:
        document.unlink()
    assert outcome == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    assert not (machine.home / "ran").exists()


def test_a_foreign_generic_endpoint_in_managed_settings_changes_nothing(
    machine: Machine, fleet: Fleet, collector: StubServer
) -> None:
    """Claude Code's change log has a managed generic endpoint govern all signals; not those that have their own."""
    base = machine.root / "etc/claude-code/managed-settings.json"
    machine.write_json(
        base, {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}}
    )
    try:
        machine.ask()
    finally:
        base.unlink()
    assert fleet.arrivals() == EVERYTHING
    assert collector.requests == []


def test_the_kill_switch_stops_all_export(fleet: Fleet, make_machine: MakeMachine, collector: StubServer) -> None:
    machine = make_machine("disabled")
    fleet.enforce(machine, enabled=False)
    assert machine.ask() == UNDISTURBED
    own = {**own_telemetry(collector), "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp"}
    assert machine.ask(own) == UNDISTURBED
    assert fleet.sent() == []
    assert collector.requests == []


@pytest.mark.parametrize("layout", ["drop_in", "merge"])
def test_foreign_policies_and_hooks_stay_in_force_beside_it(
    fleet: Fleet, make_machine: MakeMachine, layout: str
) -> None:
    machine = make_machine(f"beside-foreign-{layout}")
    document = machine.etc / "claude-code/managed-settings.json"
    machine.write_json(document, FOREIGN)
    before = document.read_text()
    fleet.enforce(machine, managed_settings_layout=layout)
    assert machine.ask() == UNDISTURBED
    assert fleet.arrivals() == EVERYTHING
    assert (machine.home / "hook").read_text() == "foreign, and in force\n"
    fleet.axiom.clear_requests()

    fleet.remove(machine)
    assert document.read_text() == before
    (machine.home / "hook").unlink()
    assert machine.ask() == UNDISTURBED
    assert (machine.home / "hook").exists()
    assert fleet.sent() == []


def test_a_revoked_token_loses_everything_without_a_word(fleet: Fleet, make_machine: MakeMachine) -> None:
    machine = make_machine("revoked")
    fleet.enforce(machine, token_name=REVOKED_TOKEN)
    fleet.revoke(REVOKED_TOKEN)
    assert machine.ask() == UNDISTURBED
    assert sorted(fleet.sent()) == [("/v1/logs", 401), ("/v1/metrics", 401)]
    assert fleet.arrivals() == {}


def test_diagnostics_name_the_refusal(fleet: Fleet, make_machine: MakeMachine) -> None:
    machine = make_machine("refused")
    fleet.enforce(machine, token="xaat-00000000-0000-4000-8000-000000000000")
    outcome = machine.ask({"CLAUDE_CODE_OTEL_DIAG_STDERR": "1"})
    assert outcome[:2] == UNDISTURBED[:2]
    assert "401" in outcome.stderr
    assert "xaat-" not in outcome.stderr
