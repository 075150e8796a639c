# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of plain machines whose token is rotated, and the processes that are said to run there."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import requests

from axiom_emulator.testing import LocalAxiom
from support.machine import FakeMachine
from support.observed import Observed
from support.playbook import Controller, Run
from support.processes import Processes

LOGS, METRICS, TOKEN = "claude-code-logs", "claude-code-metrics", "claude-code-ingest"
# Nobody answers there.
ASLEEP = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}


class Rollout(Observed):
    """Machines with managed settings, all on one token."""

    def __init__(self, root: Path, axiom: LocalAxiom, hosts: list[str]) -> None:
        self.axiom = axiom
        self.root = root
        self.controller = Controller(root / "controller", {**axiom.env(), "ANSIBLE_FORKS": "10"})
        self.store = self.controller.inventory / "secrets" / "axiom.yml"
        self.machines = {host: FakeMachine(root / "machines" / host) for host in hosts}
        self.processes = {host: Processes(root / f"processes-of-{host}") for host in hosts}
        self.declare()

    def runs(self, host: str, *lines: str) -> None:
        """The processes of a machine: see `Processes.runs`."""
        self.processes[host].runs(*lines)

    def hosts(self, asleep: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """The machines with their variables, as the inventory has them."""
        return {
            host: {
                "claude_code_telemetry_prefix": str(machine.root),
                "ansible_python_interpreter": str(self.processes[host].python),
                **(ASLEEP if host in asleep else {}),
            }
            for host, machine in self.machines.items()
        }

    def variables(self, token: dict[str, Any] | None = None) -> dict[str, Any]:
        """What is declared for all."""
        return {
            "ansible_connection": "local",
            "axiom_workspace_datasets": [{"name": LOGS}, {"name": METRICS, "kind": "otel:metrics:v1"}],
            "axiom_workspace_tokens": [{"name": TOKEN, "ingest": [LOGS, METRICS], **(token or {})}],
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            # Tests are not to wait long for what will not come.
            "axiom_workspace_timeout": 2,
            "claude_code_telemetry_logs_dataset": LOGS,
            "claude_code_telemetry_metrics_dataset": METRICS,
            "claude_code_telemetry_token_name": TOKEN,
        }

    def declare(self, asleep: tuple[str, ...] = (), token: dict[str, Any] | None = None, **changes: Any) -> None:
        self.controller.hosts(self.hosts(asleep), **{**self.variables(token), **changes})

    def play(self, name: str, *arguments: str, **environment: str) -> Run:
        """One run; nothing secret is ever in what it prints, whatever happens."""
        run = self.controller.playbook(f"devfleet.axiom.{name}", *arguments, **environment)
        self.no_secret_in(run.output, json.dumps(run.results))
        return run

    def after(self, *names: str) -> Rollout:
        """The fleet, after runs that succeed."""
        for name in names:
            run = self.play(name)
            assert run.status == 0, run.output
        return self

    def installed(self) -> dict[str, str | None]:
        """The secret on each machine."""
        found: dict[str, str | None] = {}
        for host, machine in self.machines.items():
            document = json.loads(machine.drop_in.read_text()) if machine.drop_in.exists() else {"env": {}}
            header = document["env"].get("OTEL_EXPORTER_OTLP_HEADERS")
            found[host] = header.partition("Bearer ")[2] if header else None
        return found

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.records()[TOKEN]
        return found

    def secret_works(self, secret: str) -> bool:
        """Whether the edge takes an event with it."""
        status = send(self.axiom, secret, "check")
        assert status in (200, 401), status
        return status == 200


def send(axiom: LocalAxiom, secret: str, name: str, endpoint: str | None = None) -> int:
    """Send one event as a client would; the status of the answer."""
    attributes = [{"key": "event.name", "value": {"stringValue": name}}]
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": name}, "attributes": attributes}
    url = endpoint or axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            url,
            json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]},
            headers={"Authorization": f"Bearer {secret}", "x-axiom-dataset": LOGS},
            timeout=30,
        )
    return answer.status_code
