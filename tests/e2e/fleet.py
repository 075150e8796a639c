# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platform team's side: an inventory, the playbooks that people run, and what arrived in the local Axiom."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import requests
from support.playbook import Controller

from axiom_emulator.testing import LocalAxiom
from e2e.machine import Machine

LOGS_DATASET, LOGS_EDGE = "claude-code-logs", "cloud.us-east-1.aws"
METRICS_DATASET, METRICS_EDGE = "claude-code-metrics", "cloud.eu-central-1.aws"
TOKEN = "claude-code-ingest"
REVOKED_TOKEN = "claude-code-revoked"
REPORT_TOKEN = "claude-code-report"
# Everything that the encoding of OTEL_RESOURCE_ATTRIBUTES could damage.
ATTRIBUTES = {
    "department": "engineering",
    "cost_center": "4711, west",
    "formula": "a=b=c; 100% \"quoted\" 'too'",
    "site": "Zürich – 東京",
    "path": "platform/core:blue@north",
    # 255 characters when encoded, the most that any version of the client takes.
    "longest": "ü" * 42 + "end",
}
DATASETS = [
    {"name": LOGS_DATASET, "retention_days": 30, "edge_deployment": LOGS_EDGE},
    {"name": METRICS_DATASET, "kind": "otel:metrics:v1", "edge_deployment": METRICS_EDGE},
]
VARIABLES = {
    "axiom_workspace_datasets": DATASETS,
    "axiom_workspace_tokens": [
        *({"name": name, "ingest": [LOGS_DATASET, METRICS_DATASET]} for name in (TOKEN, REVOKED_TOKEN)),
        {"name": REPORT_TOKEN, "query": [LOGS_DATASET, METRICS_DATASET]},
    ],
    "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
    "ansible_become": False,
    "claude_code_telemetry_logs_dataset": LOGS_DATASET,
    "claude_code_telemetry_metrics_dataset": METRICS_DATASET,
    "claude_code_telemetry_token_name": TOKEN,
    "claude_code_telemetry_resource_attributes": ATTRIBUTES,
}
# What each run of the client reports, whatever else it does.
EVENTS = {"claude_code.user_prompt", "claude_code.api_request"}
METRICS = {"claude_code.session.count"}
TELLING = EVENTS | METRICS


class Route(NamedTuple):
    """The way that a log record or data point took."""

    signal: str
    dataset: str
    edge: str
    token: str


EVERYTHING = {
    Route("logs", LOGS_DATASET, LOGS_EDGE, TOKEN): EVENTS,
    Route("metrics", METRICS_DATASET, METRICS_EDGE, TOKEN): METRICS,
}


class Fleet:
    """An inventory of one machine at a time, and the Axiom it is about."""

    def __init__(self, folder: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self._controller = Controller(folder)

    def _playbook(self, name: str, machine: dict[str, Any], environment: dict[str, str]) -> list[dict[str, Any]]:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self._controller.hosts({"laptop": {**local, **machine}}, **VARIABLES)
        run = self._controller.playbook(f"devfleet.axiom.{name}", **environment)
        assert run.status == 0, run.output
        return run.results

    def provision(self) -> None:
        self._playbook("provision", {}, self.axiom.env())

    def enforce(self, machine: Machine, /, **options: Any) -> None:
        """Run `devfleet.axiom.enforce` on a machine, with options of `claude_code_telemetry`; no access to Axiom."""
        self._playbook("enforce", self._variables(machine, options), {})

    def dashboard(self) -> dict[str, Any]:
        """Run `devfleet.axiom.dashboard`; the document that it installs."""
        results = self._playbook("dashboard", {}, self.axiom.env())
        (entry,) = [entry["result"] for entry in results if entry["action"] == "devfleet.axiom.dashboard"]
        document: dict[str, Any] = entry["results"][0]["dashboard"]["document"]
        return document

    def remove(self, machine: Machine, **options: Any) -> None:
        self._playbook("remove", self._variables(machine, options), {})

    def report(self, machine: Machine, **variables: Any) -> dict[str, Any]:
        """What `devfleet.axiom.report` writes."""
        directory = self._controller.root / "report"
        self._playbook(
            "report", {**self._variables(machine, {}), "telemetry_verify_report_dir": str(directory), **variables}, {}
        )
        found: dict[str, Any] = json.loads((directory / "report.json").read_text())
        return found

    def resource(self, name: str) -> str:
        """A resource attribute that everything that arrived has in common."""
        (found,) = {row["resource"][name] for row in self.axiom.arrived()}
        return str(found)

    @staticmethod
    def _variables(machine: Machine, options: dict[str, Any]) -> dict[str, Any]:
        variables = {f"claude_code_telemetry_{option}": value for option, value in options.items()}
        return {**variables, "claude_code_telemetry_prefix": str(machine.root)}

    def revoke(self, token_name: str) -> None:
        """What an administrator does in Axiom's console."""
        headers = {"Authorization": f"Bearer {self.axiom.token}"}
        listed = requests.get(f"{self.axiom.url}/v2/tokens", headers=headers, timeout=10)
        (found,) = [token["id"] for token in listed.json() if token["name"] == token_name]
        requests.delete(f"{self.axiom.url}/v2/tokens/{found}", headers=headers, timeout=10).raise_for_status()

    def arrivals(self) -> dict[Route, set[str]]:
        """Which of the `TELLING` events and metrics arrived, by route."""
        found: dict[Route, set[str]] = {}
        for row in self.axiom.arrived():
            route = Route(row["signal"], row["dataset"], row["edge"], row["token"])
            found.setdefault(route, set()).update({row["body"] or row["name"]} & TELLING)
        return found

    def sent(self) -> list[tuple[str, int]]:
        """Path and answered status of everything that a client sent to an edge."""
        return [(request["path"], request["status"]) for request in self.axiom.requests() if request["role"] == "edge"]
