# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small local fleet of mixed targets, its controller, and a local Axiom."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from axiom_emulator.testing import LocalAxiom
from support.machine import USER, FakeMachine, Snapshot
from support.playbook import Controller, Run

DATASETS = [
    {"name": "claude-code-logs", "retention_days": 30},
    {"name": "claude-code-metrics", "kind": "otel:metrics:v1", "edge_deployment": "cloud.eu-central-1.aws"},
]
TOKENS = [{"name": "claude-code-ingest", "ingest": ["claude-code-logs", "claude-code-metrics"]}]
HOSTS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "merged": {"claude_code_telemetry_managed_settings_layout": "merge"},
    "shells": {"claude_code_telemetry_targets": ["shell_profile"], "claude_code_telemetry_scope": "session"},
    "user": {"claude_code_telemetry_targets": ["user_settings"], "claude_code_telemetry_users": [USER]},
    "both": {
        "claude_code_telemetry_targets": ["managed_settings", "shell_profile"],
        "claude_code_telemetry_users": [USER],
    },
}
POLICY = '{\n    "permissions": {"deny": ["Bash"]},\n    "env": {"THEIRS": "1"}\n}\n'


class Fleet:
    """The controller, the machines and what stands in for Axiom."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.controller = Controller(root / "controller", axiom.env())
        self.machines = {host: FakeMachine(root / "machines" / host) for host in HOSTS}
        self.machines["merged"].write("etc/claude-code/managed-settings.json", POLICY)
        self.declare()

    def declare(self, **changes: Any) -> None:
        hosts = {
            host: {**variables, "claude_code_telemetry_prefix": str(self.machines[host].root)}
            for host, variables in HOSTS.items()
        }
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "axiom_workspace_datasets": DATASETS,
            "axiom_workspace_tokens": TOKENS,
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            "claude_code_telemetry_logs_dataset": "claude-code-logs",
            "claude_code_telemetry_metrics_dataset": "claude-code-metrics",
            "claude_code_telemetry_token_name": "claude-code-ingest",
            "claude_code_telemetry_intervals": "production",
            "claude_code_telemetry_resource_attributes": {"team": "platform", "cost_center": "4711, west"},
        }
        self.controller.hosts(hosts, **{**variables, **changes})

    def playbook(self, name: str, *arguments: str) -> Run:
        return self.controller.playbook(f"devfleet.axiom.{name}", *arguments)

    def snapshots(self) -> dict[str, Snapshot]:
        return {host: machine.snapshot() for host, machine in self.machines.items()}

    def touched(self) -> dict[str, int]:
        """When each path of every machine was last touched, by the kernel's own clock: even undone writes show."""
        return {
            str(path): path.lstat().st_ctime_ns
            for machine in self.machines.values()
            for path in [machine.root, *machine.root.rglob("*")]
        }

    def writes(self) -> list[dict[str, Any]]:
        return [entry for entry in self.axiom.requests() if entry["attempted_write"]]
