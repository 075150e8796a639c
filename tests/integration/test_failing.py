# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that nobody foresaw, deep in every action and module, with a secret in a variable: none of them shows it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from support import sweep
from support.fleet import DATASETS, TOKENS
from support.machine import USER, FakeMachine
from support.playbook import Controller

from axiom_emulator.testing import LocalAxiom

FAILING = Path(__file__).parents[1] / "support" / "failing"
STORE = {"type": "vault_file", "path": "secrets/axiom.yml"}
LOGS, METRICS = (dataset["name"] for dataset in DATASETS)
INGEST = TOKENS[0]["name"]
INSTALL = {
    "logs_dataset": LOGS,
    "metrics_dataset": METRICS,
    "store": STORE,
    "token_name": INGEST,
    "users": [USER],
    "targets": ["managed_settings", "shell_profile"],
    "prefix": "{{ prefix }}",
}
WORKSPACE = {"datasets": DATASETS, "tokens": [*TOKENS, {"name": "report", "query": [LOGS, METRICS]}], "store": STORE}
MORE = {**WORKSPACE, "tokens": [{"name": "more", "ingest": [LOGS]}]}
PROBE = {"prefix": "{{ prefix }}", "store": STORE, "token_name": INGEST}
DASHBOARD = {"uid": "x", "state": "absent"}
REPORT = {"store": STORE, "query_tokens": ["report"]}
# What is called, with which options, and the function that fails in it.
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("workspace", WORKSPACE, "axiom_client.checked_token"),
    ("workspace", WORKSPACE, "api_client._exchanged"),
    ("workspace", WORKSPACE, "vault_file._parsed"),
    ("workspace", MORE, "tokens.with_secret"),
    ("workspace", MORE, "vault_file.encrypt"),
    ("dataset", {"name": "more"}, "api_client._exchanged"),
    ("dataset_info", {}, "api_client._exchanged"),
    ("dashboard", DASHBOARD, "api_client._exchanged"),
    ("apl_query", {"apl": f"['{LOGS}']"}, "api_client._exchanged"),
    ("mpl_query", {"mpl": f"`{METRICS}`:`x`", "edge_url": "http://127.0.0.1:1"}, "api_client._exchanged"),
    ("api_token", {"name": "new", "ingest": [LOGS]}, "tokens.with_secret"),
    ("api_token_info", {}, "api_client._exchanged"),
    ("claude_code_telemetry", INSTALL, "stores.stored_record"),
    ("claude_code_telemetry", INSTALL, "host_probe.script"),
    ("claude_code_telemetry", INSTALL, "telemetry_env.build"),
    ("claude_code_telemetry", INSTALL, "host_files.write"),
    ("claude_code_telemetry", INSTALL, "converge._pass"),
    ("claude_code_telemetry_info", {"prefix": "{{ prefix }}"}, "host_files.read_bytes"),
    ("otlp_probe", PROBE, "secret_digest.digests"),
    ("otlp_probe", PROBE, "otlp_export.headers"),
    ("otlp_probe", PROBE, "otlp_send._post"),
    ("arrivals_info", REPORT, "fleet_arrivals._digest"),
    ("arrivals_info", REPORT, "api_client._exchanged"),
]


def test_no_error_that_nobody_foresaw_shows_a_secret(open_path: Path, axiom: LocalAxiom) -> None:
    controller = Controller(open_path / "controller", axiom.env())
    machine = FakeMachine(open_path / "machine")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "prefix": str(machine.root)}
    settings = {"logs_dataset": LOGS, "metrics_dataset": METRICS, "token_name": INGEST}
    controller.hosts({"m": local}, **{f"claude_code_telemetry_{name}": value for name, value in settings.items()})
    declared = {
        "axiom_workspace_datasets": DATASETS,
        "axiom_workspace_tokens": WORKSPACE["tokens"],
        "axiom_workspace_store": STORE,
    }
    assert controller.playbook("devfleet.axiom.provision", "-e", json.dumps(declared)).status == 0
    tasks = [
        {"name": function, f"devfleet.axiom.{name}": options, "ignore_errors": True}
        for name, options, function in CALLS
    ]
    path = controller.root / "playbook.yml"
    path.write_text(yaml.safe_dump([{"name": "Play", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    failing = open_path / "failing"
    failing.write_text("\n".join(name for _module, _options, name in CALLS))
    # Those who own a home fail too.
    failing.chmod(0o666)
    environment = {"PYTHONPATH": str(FAILING), "FAILING": str(failing), "ANSIBLE_DISPLAY_TRACEBACK": "always"}
    run = controller.playbook(str(path), "-vvvv", "--diff", **environment)
    assert len(run.results) == len(CALLS)
    for entry, (_name, _options, function) in zip(run.results, CALLS, strict=True):
        assert f"nobody foresaw this in {function}" in json.dumps(entry["result"])
    for secret in sweep.registry(axiom):
        assert secret not in run.output
        assert secret not in json.dumps(run.results)
