# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example inventory of three teams on two edges: a machine sees its own team's secret, and no variable any."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from support.machine import FakeMachine
from support.observed import Observed
from support.playbook import Controller
from support.processes import Processes

from axiom_emulator.testing import LocalAxiom

EXAMPLE = Path(__file__).parents[1] / "examples/teams"
TOKENS = {
    "pay-laptop-1": "payments",
    "pay-laptop-2": "payments",
    "platform-builder": "platform-builders",
    "platform-laptop": "platform",
    "research-laptop": "research",
}
# Everything that later tasks of a run could get at.
DUMP = [
    {"ansible.builtin.import_playbook": "devfleet.axiom.rotate"},
    {
        "name": "Dump",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": "Dump", "ansible.builtin.debug": {"msg": "{{ hostvars | dict2items }}"}, "run_once": True}],
    },
]


class Teams(Observed):
    """The example, with directories for machines."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.controller = Controller(root / "controller", axiom.env())
        shutil.copytree(EXAMPLE, self.controller.inventory, dirs_exist_ok=True)
        self.store = self.controller.inventory / "secrets/axiom.yml"
        self.machines = {host: FakeMachine(root / "machines" / host) for host in TOKENS}
        self.processes = Processes(root / "processes")

    def arguments(self) -> list[str]:
        """Arguments for directories in place of machines; a real fleet has ssh and none of these."""
        machines = next(iter(self.machines.values())).root.parent
        local: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(self.processes.python),
            "claude_code_telemetry_prefix": f"{machines}/{{{{ inventory_hostname }}}}",
        }
        return ["-e", json.dumps(local)]

    def holders(self) -> dict[str, set[str]]:
        """Host -> the names of the tokens whose secrets lie anywhere on it."""
        secrets = {record["secret"]: name for name, record in self.records().items()}
        found: dict[str, set[str]] = {}
        for host, machine in self.machines.items():
            content = b"".join(path.read_bytes() for path in machine.root.rglob("*") if path.is_file())
            found[host] = {name for secret, name in secrets.items() if secret.encode() in content}
        return found


def test_a_machine_gets_its_own_teams_secret_and_no_variable_holds_any(open_path: Path, axiom: LocalAxiom) -> None:
    teams = Teams(open_path, axiom)
    playbook = open_path / "dump.yml"
    playbook.write_text(yaml.safe_dump(DUMP))
    for name in ("devfleet.axiom.site", str(playbook)):
        run = teams.controller.playbook(name, "-vvvv", "--diff", *teams.arguments())
        assert run.status == 0, run.output
        teams.no_secret_in(run.output, json.dumps(run.results))
        assert teams.holders() == {host: {token} for host, token in TOKENS.items()}
    (dump,) = [entry for entry in run.results if entry["task"] == "Dump"]
    assert {item["key"] for item in dump["result"]["msg"]} >= set(TOKENS)
    assert "telemetry_verify_result" in json.dumps(dump), "what was dumped are the variables of the run"
    arrived = {(entry["token"], entry["dataset"], entry["edge"]) for entry in axiom.arrived()}
    assert {(token, dataset) for token, dataset, _edge in arrived} == {
        ("payments", "payments-logs"),
        ("payments", "payments-metrics"),
        ("platform", "platform-logs"),
        ("platform", "shared-metrics"),
        ("platform-builders", "platform-builds"),
        ("platform-builders", "shared-metrics"),
        ("research", "research-logs"),
        ("research", "shared-metrics"),
    }
    assert {edge for _token, dataset, edge in arrived if dataset.startswith("payments")} == {"cloud.eu-central-1.aws"}


def test_one_team_is_rotated_alone(open_path: Path, axiom: LocalAxiom) -> None:
    teams = Teams(open_path, axiom)
    assert teams.controller.playbook("devfleet.axiom.site", *teams.arguments()).status == 0
    before = teams.records()
    # Every machine that uses the token takes part, so the old one ends.
    run = teams.controller.playbook(
        "devfleet.axiom.rotate", *teams.arguments(), "--limit", "payments", "-e", "axiom_workspace_rotate=payments"
    )
    assert run.status == 0, run.output
    after = teams.records()
    assert {name for name in after if after[name]["id"] != before[name]["id"]} == {"payments"}
    assert after["payments"]["previous_secret"] is None
    assert len(teams.tokens("payments")) == 1
