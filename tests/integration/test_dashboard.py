# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dashboard as a playbook installs it, and what its queries answer on events of the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dashboard import RECORDING, Recording, answers
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

HOST = {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"}
FLEET = {
    "claude_code_telemetry_logs_dataset": "logs",
    "claude_code_telemetry_metrics_dataset": "metrics",
}


@pytest.fixture
def controller(tmp_path: Path, axiom: LocalAxiom) -> Controller:
    controller = Controller(tmp_path / "controller", axiom.env())
    controller.hosts({"one": HOST, "two": HOST}, **FLEET)
    return controller


def installed(run: Run) -> list[dict[str, Any]]:
    (entry,) = [entry for entry in run.results if entry["action"] == "devfleet.axiom.dashboard"]
    return entry["result"]["results"]


def test_installed_once_repaired_and_never_needing_a_machine(controller: Controller, axiom: LocalAxiom) -> None:
    predicted = controller.playbook("devfleet.axiom.dashboard", "--check", "--diff")
    assert predicted.status == 0, predicted.output
    assert all(entry["method"] == "GET" for entry in axiom.requests())
    first = controller.playbook("devfleet.axiom.dashboard", "--diff")
    assert first.status == 0, first.output
    (dashboard,) = installed(first)
    assert dashboard["diff"] == installed(predicted)[0]["diff"]
    assert dashboard["dashboard"]["uid"] == "claude-code-fleet"
    assert "['logs']" in json.dumps(dashboard["dashboard"]["document"])
    assert not installed(controller.playbook("devfleet.axiom.dashboard"))[0]["changed"]

    changed = {**dashboard["dashboard"]["document"], "name": "Somebody's"}
    task = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "devfleet.axiom.dashboard": {"uid": "claude-code-fleet", "document": changed},
                "delegate_to": "localhost",
                "run_once": True,
            }
        ],
    }
    playbook = controller.root / "somebody.yml"
    playbook.write_text(json.dumps([task]))
    assert controller.playbook(str(playbook)).status == 0
    (repaired,) = installed(controller.playbook("devfleet.axiom.dashboard", "--diff"))
    before, after = repaired["diff"]["before"]["document"], repaired["diff"]["after"]["document"]
    assert {member for member in after if before[member] != after[member]} == {"name"}

    task["tasks"][0]["devfleet.axiom.dashboard"] = {"uid": "claude-code-fleet", "state": "absent"}
    playbook.write_text(json.dumps([task]))
    gone = [controller.playbook(str(playbook)) for attempt in range(2)]
    assert [run.results[0]["result"]["changed"] for run in gone] == [True, False]


def test_teams_with_datasets_of_their_own_have_dashboards_of_their_own(controller: Controller) -> None:
    own = {"claude_code_telemetry_logs_dataset": "team.b-logs", "claude_code_telemetry_metrics_dataset": "b-metrics"}
    controller.hosts({"one": HOST, "two": {**HOST, **own}, "none": {**HOST, **dict.fromkeys(own, "")}}, **FLEET)
    run = controller.playbook("devfleet.axiom.dashboard")
    assert run.status == 0, run.output
    made = {item["dashboard"]["uid"]: item["dashboard"]["document"] for item in installed(run)}
    assert {uid: document["name"] for uid, document in made.items()} == {
        "claude-code-fleet-logs": "Claude Code fleet: logs",
        "claude-code-fleet-team-b-logs": "Claude Code fleet: team.b-logs",
    }
    assert "`b-metrics`" in json.dumps(made["claude-code-fleet-team-b-logs"])
    assert "`metrics`" not in json.dumps(made["claude-code-fleet-team-b-logs"])


@pytest.fixture(scope="module", params=["flat", "custom", "map"])
def answered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with LocalAxiom() as axiom:
        controller = Controller(tmp_path_factory.mktemp("dashboard") / "controller", axiom.env())
        controller.hosts({"one": HOST}, **FLEET)
        run = controller.playbook("devfleet.axiom.dashboard")
        assert run.status == 0, run.output
        recording = Recording(json.loads(RECORDING.read_text()))
        recording.load(axiom, request.param)
        yield answers(axiom, installed(run)[0]["dashboard"]["document"], recording.start, recording.end)


class TestQueries:
    """Of every chart, on the recording, which holds what two machines of two teams sent."""

    def test_each_answers_with_something(self, answered: dict[str, Any]) -> None:
        assert len(answered) == 14
        assert [chart for chart, rows in answered.items() if not rows] == []

    def test_machines_and_versions(self, answered: dict[str, Any]) -> None:
        version = json.loads(RECORDING.read_text())["client_version"]
        assert answered["machines"] == [{"Machines": 2}]
        assert [row["Machines"] for row in answered["machines-per-day"]] == [2]
        assert answered["versions"] == [{"version": version, "Machines": 2}]

    def test_tools(self, answered: dict[str, Any]) -> None:
        assert answered["failed-tools"] == [{"Failed": 50.0}]
        assert answered["tools"] == [{"tool": "Read", "Calls": 4, "Failures": 2, "Failed_percent": 50.0}]

    def test_latency(self, answered: dict[str, Any]) -> None:
        (row,) = answered["latency-by-model"]
        assert row["Requests"] >= 4
        assert 0 <= row["p50"] <= row["p95"]
        assert answered["latency"][0]["p50"] <= answered["latency"][0]["p95"]

    def test_use_by_team_and_model(self, answered: dict[str, Any]) -> None:
        def by(chart: str, *tags: str) -> dict[Any, float]:
            return {tuple(row[tag] for tag in tags): row["value"] for row in answered[chart]}

        assert by("sessions") == {(): 2}
        assert by("sessions-by-team", "team") == {("payments",): 1, ("platform",): 1}
        tokens = by("tokens-by-team", "team")
        assert tokens[("payments",)] == tokens[("platform",)] > 0
        by_model = by("tokens-by-model", "model", "type")
        assert sum(by_model.values()) == sum(tokens.values())
        assert {kind for model, kind in by_model} >= {"input", "output"}
        assert sum(by("cost-by-team", "team").values()) == pytest.approx(by("cost")[()])
        assert sum(by("cost-by-model", "model").values()) == pytest.approx(by("cost")[()])
