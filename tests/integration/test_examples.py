# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples in the documentation of every plugin run as they stand, and its samples are what then comes back.

Axiom's own host names lead to the local one. What an example takes for granted is in this file: an inventory with one
machine, the variables that examples name, and what exists in Axiom.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import returned
from support.axiom_front import axioms_own_names, names
from support.machine import FakeMachine
from support.observed import Observed
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

Plugins = dict[str, dict[str, Any]]
PREFIX = "devfleet.axiom."
LOGS, METRICS = "claude-code-logs", "claude-code-metrics"
USERS = ("ada", "linus")
# In this order: later ones build on earlier ones.
IN_AN_EMPTY_AXIOM = ("dataset", "dataset_info", "api_token", "api_token_info", "dashboard")
IN_A_STORE = ("workspace",)
ON_A_FLEET = (
    *("apl_query", "mpl_query", "arrivals_info", "arrivals_report", "otlp_probe", "claude_code_telemetry_info"),
    *("awx_capacity", "awx_rrule", "probe_summary", "rotation_summary", "run_stats", "installed_collection"),
    "claude_code_telemetry",
)
# A file and no task: read as the inventory that it is.
IN_FILES = ("store",)
# Its example runs where there is an AWX: tests/awx/test_removal.py.
IN_AWX = ("awx_removal",)
# Where the examples print a part of what comes back, or nothing because it holds a secret.
WHOLE = {
    "api_token": "minted.token",
    "installed_collection": "'awx.awx' is devfleet.axiom.installed_collection",
    "probe_summary": "ansible_play_hosts_all | devfleet.axiom.probe_summary(hostvars)",
    "rotation_summary": "axiom_workspace_result.tokens | devfleet.axiom.rotation_summary(groups.all, hostvars)",
    "run_stats": "ansible_play_hosts_all | devfleet.axiom.run_stats(hostvars, ansible_check_mode)",
}
# What modules cannot do without.
NEEDED: dict[str, dict[str, Any]] = {
    "api_token": {"name": "x"},
    "apl_query": {"apl": "['x']"},
    "dashboard": {"uid": "x", "state": "absent"},
    "dataset": {"name": "x"},
    "mpl_query": {"mpl": "`x`:`y`", "edge_url": "https://us-east-1.aws.edge.axiom.co"},
    "workspace": {"datasets": [{"name": "x"}]},
}
# Different with each run; a sample shows one of them.
VARYING = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """What ansible-doc knows of every plugin of the collection."""
    command = ["ansible-doc", "--metadata-dump", "--no-fail-on-errors", PREFIX.rstrip(".")]
    dumped = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["all"]
    return {
        name.removeprefix(PREFIX): plugin
        for kind, found in dumped.items()
        if kind != "role"
        for name, plugin in found.items()
        if name.startswith(PREFIX)
    }


def test_no_plugin_is_left_out(plugins: Plugins) -> None:
    assert sorted(plugins) == sorted({*IN_AN_EMPTY_AXIOM, *IN_A_STORE, *ON_A_FLEET, *IN_FILES, *IN_AWX})


class Reader(Observed):
    """Somebody who copies examples into a playbook of theirs."""

    def __init__(self, root: Path, axiom: LocalAxiom, environment: dict[str, str]) -> None:
        self.axiom = axiom
        environment = {"AXIOM_TOKEN": axiom.token, "ANSIBLE_COLLECTIONS_PATH": _collections(root), **environment}
        self.controller = Controller(root / "controller", environment)
        self.machine = FakeMachine(root / "machine")
        for user in USERS[1:]:
            self.machine.add_user(user)
        self.prefix = str(self.machine.root)
        self.declare()

    def declare(self, **more: Any) -> None:
        """Write the inventory."""
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_become": False,
            "ansible_user": USERS[0],
        }
        variables: dict[str, Any] = {
            "axiom_workspace_datasets": [{"name": LOGS}, {"name": METRICS, "kind": "otel:metrics:v1"}],
            "axiom_workspace_tokens": [
                {"name": "claude-code-ingest", "ingest": [LOGS, METRICS]},
                {"name": "claude-code-report", "query": [LOGS, METRICS]},
            ],
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            "claude_code_telemetry_logs_dataset": LOGS,
            "claude_code_telemetry_metrics_dataset": METRICS,
            "claude_code_telemetry_token_name": "claude-code-ingest",
            "claude_code_telemetry_targets": ["managed_settings", "shell_profile"],
            "claude_code_telemetry_users": list(USERS),
            "claude_code_telemetry_prefix": self.prefix,
        }
        self.controller.hosts({"pay-laptop-1": host}, **variables, **more)

    def mint(self, name: str, verb: str, action: str, datasets: list[str]) -> str:
        """A token that somebody made by hand, for datasets that they made too; its secret."""
        for dataset in datasets:
            if dataset not in [found["name"] for found in self.api("datasets")]:
                kind = {"kind": "otel:metrics:v1"} if dataset == METRICS else {}
                self.api("datasets", {"name": dataset, "description": "", **kind})
        capabilities = {dataset: {verb: [action]} for dataset in datasets}
        secret: str = self.axiom.mint(name=name, datasetCapabilities=capabilities)["token"]
        return secret

    def plays(self, plugins: Plugins, wanted: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """A play for each plugin, with its examples and nothing else."""
        machine = {f"{PREFIX}{module}": {"prefix": self.prefix} for module in wanted if _has_prefix(plugins[module])}
        for plugin in wanted:
            tasks = yaml.safe_load(plugins[plugin]["examples"])
            if plugin in WHOLE:
                tasks.append({"name": "All of it", "ansible.builtin.debug": {"msg": f"{{{{ {WHOLE[plugin]} }}}}"}})
            # The only difference to what stands there: the machine is a directory.
            yield {
                "name": plugin,
                "hosts": "all",
                "gather_facts": False,
                "module_defaults": machine,
                "tasks": [{**task, "name": f"{plugin}: {task['name']}"} for task in tasks],
            }

    def run(self, plays: list[dict[str, Any]], **environment: str) -> Run:
        """Every example must be carried out and succeed."""
        path = self.controller.root / "examples.yml"
        path.write_text(yaml.safe_dump(plays, sort_keys=False))
        run = self.controller.playbook(str(path), **environment)
        assert run.status == 0, run.output
        expected = {f"{play['name']} : {task['name']}" for play in plays for task in play.get("tasks", [])}
        done = {entry["task"] for entry in run.results if entry["status"] == "ok"}
        assert {name.partition(" : ")[2] for name in expected} - done == set(), run.output
        return run

    def constant(self, value: Any) -> str:
        """As JSON, without what is different each time."""
        text = json.dumps(value, sort_keys=True)
        for name, url in names(self.axiom).items():
            text = text.replace(url, f"https://{name}")
        text = text.replace(self.prefix, "")
        for kind, pattern in VARYING.items():
            text = pattern.sub(kind, text)
        return text

    def samples_are_results(self, plugins: Plugins, wanted: tuple[str, ...], run: Run) -> None:
        """Each sample came back from one of the plugin's examples."""
        wrong = []
        for plugin in wanted:
            entries = [entry for entry in run.results if entry["task"].startswith(f"{plugin}: ")]
            for name, described in (plugins[plugin].get("return") or {}).items():
                results = [entry["result"] for entry in entries]
                values = [result[key] for result in results for key in ("msg", name) if key in result]
                if name == "_value":
                    assert list(returned.mismatches(plugin, described, values[-1])) == []
                if "sample" in described and name != "failure":
                    # A sample of a list shows some of it.
                    seen = [one for value in values for one in (value if described["type"] == "list" else [value])]
                    samples = described["sample"] if described["type"] == "list" else [described["sample"]]
                    for sample in samples:
                        if self.constant(sample) not in map(self.constant, seen):
                            wrong.append(f"{plugin} {name}: {self.constant(seen)}")
        assert wrong == [], "\n".join(wrong)


def _collections(root: Path) -> str:
    """This collection, and another one that is there by name only."""
    (root / "collections/ansible_collections/awx/awx").mkdir(parents=True)
    return f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}:{root}/collections"


def _has_prefix(plugin: dict[str, Any]) -> bool:
    return "prefix" in plugin["doc"].get("options", {})


@pytest.fixture
def reader(open_path: Path, axiom: LocalAxiom, tmp_path: Path) -> Iterator[Reader]:
    with axioms_own_names(axiom, tmp_path) as environment:
        yield Reader(open_path, axiom, environment)


@pytest.mark.secrets_belong("*/controller/home/.axiom-ingest")
def test_examples_run_in_an_empty_axiom(plugins: Plugins, reader: Reader) -> None:
    document = yaml.safe_load(plugins["dashboard"]["examples"])[0][f"{PREFIX}dashboard"]["document"]
    files = reader.controller.root / "files"
    files.mkdir()
    (files / "our-dashboard.json").write_text(json.dumps(document))
    run = reader.run(list(reader.plays(plugins, IN_AN_EMPTY_AXIOM)))
    reader.samples_are_results(plugins, IN_AN_EMPTY_AXIOM, run)


def test_examples_run_beside_a_token_of_somebody_elses(plugins: Plugins, reader: Reader) -> None:
    reader.declare(vaulted_ingest_secret=reader.mint("claude-code-builds", "ingest", "create", [LOGS]))
    run = reader.run(list(reader.plays(plugins, IN_A_STORE)))
    reader.samples_are_results(plugins, IN_A_STORE, run)


def test_examples_run_on_a_fleet(plugins: Plugins, reader: Reader) -> None:
    secret = reader.mint("by-hand", "ingest", "create", [LOGS, METRICS])
    reader.declare(vaulted_query_token=reader.mint("by-hand-report", "query", "read", [LOGS, METRICS]))
    now = datetime.datetime.now(datetime.UTC)
    prompts = [{"time": now, "name": "claude_code.user_prompt", "resource": {"service.version": "2.1.331"}}] * 17
    reader.axiom.load_events(LOGS, prompts)
    cost = {"time": now, "name": "claude_code.cost.usage", "value": 0.125}
    spent = ["platform", "platform", "platform", "payments"]
    reader.axiom.load_points(METRICS, [{**cost, "resource": {"team": team}} for team in spent])
    reader.machine.write("home/ada/.bashrc", "export OTEL_EXPORTER_OTLP_HEADERS=Authorization=mine\n")
    site = {"name": "The fleet", "ansible.builtin.import_playbook": "devfleet.axiom.site"}
    run = reader.run([site, *reader.plays(plugins, ON_A_FLEET)], AXIOM_INGEST_TOKEN=secret)
    (shown,) = (entry["result"]["results"] for entry in run.results if entry["task"] == "mpl_query: Show it")
    assert {item["msg"] for item in shown} == {"platform: 0.38 USD", "payments: 0.12 USD"}
    reader.samples_are_results(plugins, ON_A_FLEET, run)


def test_a_store_is_read_as_an_inventory_of_nothing(plugins: Plugins, reader: Reader) -> None:
    inventory = reader.controller.root / "store.yml"
    inventory.write_text(plugins["store"]["examples"])
    shown = subprocess.run(
        ["ansible-inventory", "-i", str(inventory), "--list"],
        env={**reader.controller.environment, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FATAL": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)["_meta"]["hostvars"] == {}


def test_why_a_request_failed_is_told_as_documented(plugins: Plugins, reader: Reader) -> None:
    modules = [name for name, plugin in plugins.items() if "failure" in (plugin.get("return") or {})]
    tasks = [
        {"name": name, f"{PREFIX}{name}": {**NEEDED.get(name, {}), "token": "xaat-nobody"}, "ignore_errors": True}
        for name in modules
    ]
    reader.declare(telemetry_verify_query_token="xaat-nobody")
    path = reader.controller.root / "refused.yml"
    path.write_text(yaml.safe_dump([{"name": "Refused", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    run = reader.controller.playbook(str(path))
    told = {entry["task"]: entry["result"]["failure"] for entry in run.results}
    sample = plugins["dataset"]["return"]["failure"]["sample"]
    assert told["dataset"] == sample
    assert {name: sorted(failure) for name, failure in told.items()} == dict.fromkeys(modules, sorted(sample))
