# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, answers and variables that are escape sequences, templates, shell, markup and YAML: nothing takes them so."""

from __future__ import annotations

import datetime
import html.parser
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.machine import USER, FakeMachine
from support.observed import Observed
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

LOGS, METRICS = "claude-code-logs", "claude-code-metrics"
ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\r\n"


class Unsafe(yaml.SafeDumper):
    """Writes texts that are templates so that Ansible takes them as they are."""


class Text(str):
    """A text that is no template."""


Unsafe.add_representer(Text, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


class HostileFleet(Observed):
    """Two machines with hostile variables, and what would be there if any of it were carried out."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.carried_out = root / "carried-out"
        run = f"touch {self.carried_out}"
        self.active = (
            f"{{{{ lookup('pipe', '{run}') }}}}{{% set x = lookup('pipe', '{run}') %}}$({run})`{run}`\";'; {run} #"
            f"<script>document.write(1)</script>&amp; !!python/object: x - &a *a: %s"
        )
        self.evil = ESCAPES + self.active
        self.controller = Controller(root / "controller", axiom.env())
        self.store = self.controller.inventory / "secrets/axiom.yml"
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {}
        for name in ("settings", "shell"):
            machine = FakeMachine(root / name)
            hosts[name] = {**local, "claude_code_telemetry_prefix": str(machine.root)}
        hosts["shell"].update(
            claude_code_telemetry_targets=["shell_profile"],
            claude_code_telemetry_users=[USER],
            claude_code_telemetry_scope="session",
        )
        self.controller.hosts(hosts)
        variables = {
            "axiom_workspace_datasets": [
                {"name": LOGS, "description": Text(self.active)},
                {"name": METRICS, "kind": "otel:metrics:v1", "description": "plain"},
            ],
            "axiom_workspace_tokens": [
                {"name": "ingest", "ingest": [LOGS, METRICS], "description": Text(self.active)},
                {"name": "report", "query": [LOGS, METRICS]},
            ],
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            "axiom_workspace_retries": 0,
            "claude_code_telemetry_logs_dataset": LOGS,
            "claude_code_telemetry_metrics_dataset": METRICS,
            "claude_code_telemetry_token_name": "ingest",
            "claude_code_telemetry_resource_attributes": {"team": Text(self.active[:80])},
        }
        (self.controller.inventory / "group_vars/all.yml").write_text(yaml.dump(variables, Dumper=Unsafe))

    def run(self, name: str, *arguments: str) -> Run:
        """Run a playbook; nothing in what it prints moves the cursor, and nothing of what it read is carried out."""
        run = self.controller.playbook(name, *arguments)
        odd = {one for one in run.output if unicodedata.category(one) in ("Cc", "Cf", "Cs")} - {"\n"}
        assert odd == set(), run.output.encode("unicode_escape")
        assert not self.carried_out.exists()
        return run


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> HostileFleet:
    return HostileFleet(open_path, axiom)


def test_nothing_of_what_others_say_is_obeyed(fleet: HostileFleet) -> None:
    # What Axiom says about an error, and about a dataset and a token that it has.
    error = {"message": fleet.evil, "code": fleet.evil}
    fleet.axiom.fault(path="/v2/datasets", status=400, body=error, headers={"X-Axiom-Trace-Id": "\x1b[31m"})
    run = fleet.run("devfleet.axiom.provision")
    assert run.status == 2
    assert "Axiom says:" in run.messages()
    fleet.api("datasets", {"name": METRICS, "kind": "otel:metrics:v1", "description": fleet.evil})
    fleet.api("tokens", {"name": "stranger", "description": fleet.evil})
    assert fleet.run("devfleet.axiom.provision", "--diff").status == 0
    (token,) = fleet.tokens("ingest")
    assert token["description"].startswith(fleet.active)

    # Variables, on their way to a machine and into an event of its own.
    assert fleet.run("devfleet.axiom.enforce", "--diff").status == 0
    fleet.axiom.fault(role="edge", path="/v1/metrics", status=400, body=error, times=None)
    run = fleet.run("devfleet.axiom.verify")
    assert run.status == 2
    assert "it says:" in run.messages()
    fleet.axiom.clear_faults()

    # What machines that anybody may have named have sent.
    resource = {
        "service.name": "claude-code",
        "service.version": fleet.evil,
        "host.name": fleet.evil,
        "team": fleet.evil,
    }
    now = datetime.datetime.now(datetime.UTC)
    event = {"name": "user_prompt", "body": "claude_code.user_prompt", "time": now, "attributes": {}}
    ours = {**resource, "host.name": "settings"}
    fleet.axiom.load_events(LOGS, [{**event, "resource": each} for each in (resource, ours)])
    run = fleet.run("devfleet.axiom.report", "-e", "telemetry_verify_report_dir=out")
    assert run.status == 0, run.output
    written = fleet.controller.root / "out"
    found = json.loads((written / "report.json").read_text())
    assert fleet.evil in [machine["machine"] for machine in found["machines"]]
    page = Scripts((written / "report.html").read_text())
    assert page.number == 3, "its own"


class Scripts(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.number = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.number += tag == "script"


def test_what_modules_return_is_no_template(fleet: HostileFleet) -> None:
    """Registered, set as a fact, told the scheduler, and used again: data of Axiom stays data."""
    fleet.api("datasets", {"name": LOGS, "description": fleet.evil})
    found = "{{ found.datasets[0].description }}"
    tasks: list[dict[str, Any]] = [
        {"devfleet.axiom.dataset_info": {}, "register": "found"},
        {"ansible.builtin.set_fact": {"kept": found, "whole": "{{ found }}"}},
        {"ansible.builtin.set_stats": {"data": {"told": "{{ found.datasets }}"}}},
        {"ansible.builtin.assert": {"that": ["kept == again", "whole.datasets[0].description == again"]}}
        | {"vars": {"again": found}},
        {"devfleet.axiom.dataset": {"name": LOGS, "description": found}, "register": "same"},
        {"ansible.builtin.assert": {"that": ["same is not changed"]}},
    ]
    named = [{"name": f"Task {number}", **task} for number, task in enumerate(tasks)]
    path = fleet.controller.root / "playbook.yml"
    play = {"name": "Play", "hosts": "settings", "gather_facts": False, "tasks": named}
    path.write_text(yaml.safe_dump([play]))
    run = fleet.run(str(path))
    assert run.status == 0, run.output
