# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example inventory of three teams on two edges: a machine sees its own team's secret, and no variable any."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml
from support.checkout import CHECKOUT
from support.machine import FakeMachine
from support.observed import Observed
from support.pages import blocks, lines
from support.playbook import Controller
from support.processes import Processes

from axiom_emulator.testing import LocalAxiom

EXAMPLE = CHECKOUT / "tests/examples/teams"
PAGE = CHECKOUT / "docs/teams.md"
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
    # The other teams' machines deliver as before: nothing is said of them.
    (line,) = teams.summary(run)
    assert line.startswith("token payments: 2 of 2 machines have moved; the former secret works until ")


def test_the_page_shows_the_example() -> None:
    shown = [block.body for block in blocks(PAGE) if block.language == "yaml"]
    assert len(shown) == 2
    for body in shown:
        example = yaml.safe_load((EXAMPLE / body.splitlines()[0].removeprefix("# ")).read_text())
        for name, value in yaml.safe_load(body).items():
            if isinstance(value, list):
                assert all(item in example[name] for item in value)
            else:
                assert example[name] == value


def test_the_page_is_followed(open_path: Path, axiom: LocalAxiom) -> None:
    teams = Teams(open_path, axiom)
    assert teams.controller.playbook("devfleet.axiom.site", *teams.arguments()).status == 0
    before = teams.records()
    for_one_team, for_organizations = (lines(block) for block in blocks(PAGE) if block.language == "console")
    for line in for_one_team:
        playbook, *arguments = shlex.split(line.removeprefix("ansible-playbook -i inventory "))
        run = teams.controller.playbook(playbook, *arguments, *teams.arguments())
        assert run.status == 0, run.output
        assert {entry["host"] for entry in run.results} <= {"pay-laptop-1", "pay-laptop-2"}
    assert {name for name, record in teams.records().items() if record != before[name]} == {"payments"}
    # An organization's inventory beside a common one: what is common holds, and the store is found.
    shared, europe = teams.controller.root / "shared", teams.controller.root / "europe"
    (shared / "group_vars").mkdir(parents=True)
    (shared / "group_vars/all.yml").write_text(yaml.safe_dump({"claude_code_telemetry_log_user_prompts": True}))
    teams.controller.inventory.rename(europe)
    line, other = for_organizations
    assert other == line.replace("europe", "america")
    playbook = line.removeprefix("ansible-playbook -i shared -i europe ")
    teams.controller.inventory = shared
    run = teams.controller.playbook(playbook, "-i", str(europe), *teams.arguments())
    assert run.status == 0, run.output
    document = json.loads(teams.machines["research-laptop"].drop_in.read_text())
    assert document["env"]["OTEL_LOG_USER_PROMPTS"] == "1"


def test_machines_change_teams(open_path: Path, axiom: LocalAxiom) -> None:
    teams = Teams(open_path, axiom)
    hosts = teams.controller.inventory / "hosts.yml"
    in_shells = {"claude_code_telemetry_targets": ["shell_profile"]}
    declared = yaml.safe_load(hosts.read_text())
    groups = declared["all"]["children"]
    groups["research"]["hosts"]["research-laptop"] = in_shells
    hosts.write_text(yaml.safe_dump(declared))
    assert teams.controller.playbook("devfleet.axiom.site", *teams.arguments()).status == 0
    # To other targets: what is there goes first.
    limit = ("--limit", "research-laptop", *teams.arguments())
    assert teams.controller.playbook("devfleet.axiom.remove", *limit).status == 0
    assert teams.holders()["research-laptop"] == set()
    for team, host in (("platform", "platform-laptop"), ("research", "research-laptop")):
        del groups[team]["hosts"][host]
        groups["payments"]["hosts"][host] = None
    hosts.write_text(yaml.safe_dump(declared))
    moved = ("--limit", "platform-laptop,research-laptop", *teams.arguments())
    for name in ("enforce", "verify"):
        run = teams.controller.playbook(f"devfleet.axiom.{name}", *moved)
        assert run.status == 0, run.output
    expected = {**TOKENS, "platform-laptop": "payments", "research-laptop": "payments"}
    assert teams.holders() == {host: {token} for host, token in expected.items()}
    now = {(entry["resource"]["host.name"], entry["dataset"]) for entry in axiom.arrived()[-4:]}
    assert now == {(host, f"payments-{kind}") for host in moved[1].split(",") for kind in ("logs", "metrics")}
