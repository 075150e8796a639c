# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verifying a fleet with the real `ansible-playbook`: every status, and one machine never stops the others."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from support.machine import USER, FakeMachine
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

LOGS, METRICS = "claude-code-logs", "claude-code-metrics"
UNKNOWN = "xaat-00000000-0000-4000-8000-000000000000"
BOTH = ["managed_settings", "shell_profile"]
# Machines that deliver; the user's and the shared shell profile, and both scopes.
GOOD: dict[str, dict[str, Any]] = {
    "good-both": {"claude_code_telemetry_targets": BOTH, "claude_code_telemetry_users": [USER]},
    "good-settings": {},
    "good-shared": {"claude_code_telemetry_targets": ["shell_profile"], "claude_code_telemetry_scope": "session"},
    "good-session": {
        "claude_code_telemetry_targets": ["shell_profile"],
        "claude_code_telemetry_users": [USER],
        "claude_code_telemetry_scope": "session",
    },
}
ASLEEP = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}
DEAD = {f"claude_code_telemetry_{signal}_endpoint": f"http://127.0.0.1:1/v1/{signal}" for signal in ("logs", "metrics")}


class Fleet:
    """A local Axiom with two datasets, and machines with what they have installed."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.root = root
        self.controller = Controller(root / "controller")
        for name, kind in ((LOGS, "axiom:events:v1"), (METRICS, "otel:metrics:v1")):
            self._post("datasets", {"name": name, "kind": kind})
        self.token = self.mint("fleet", LOGS, METRICS)
        self.edge = axiom.edge_urls["cloud.us-east-1.aws"]
        self.machines: dict[str, FakeMachine] = {}

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.axiom.token}"}
        answer = requests.post(f"{self.axiom.url}/v2/{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def mint(self, name: str, *datasets: str) -> str:
        capabilities = {dataset: {"ingest": ["create"]} for dataset in datasets}
        secret: str = self._post("tokens", {"name": name, "datasetCapabilities": capabilities})["token"]
        return secret

    def declare(self, hosts: dict[str, dict[str, Any]]) -> None:
        found = {}
        for host, variables in hosts.items():
            if host not in self.machines:
                self.machines[host] = FakeMachine(self.root / host)
            found[host] = {"claude_code_telemetry_prefix": str(self.machines[host].root), **variables}
        self.controller.hosts(
            found,
            ansible_connection="local",
            ansible_python_interpreter=sys.executable,
            claude_code_telemetry_token=self.token,
            claude_code_telemetry_logs_dataset=LOGS,
            claude_code_telemetry_metrics_dataset=METRICS,
            claude_code_telemetry_logs_endpoint=f"{self.edge}/v1/logs",
            claude_code_telemetry_metrics_endpoint=f"{self.edge}/v1/metrics",
        )

    def enforce(self, hosts: dict[str, dict[str, Any]]) -> None:
        self.declare(hosts)
        run = self.controller.playbook("devfleet.axiom.enforce")
        assert run.status == 0, run.output

    def verify(self, *arguments: str, **environment: str) -> Run:
        return self.controller.playbook("devfleet.axiom.verify", *arguments, **environment)

    def edge_requests(self) -> list[tuple[str, int]]:
        return [(entry["path"], entry["status"]) for entry in self.axiom.requests() if entry["role"] == "edge"]


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Fleet:
    return Fleet(open_path, axiom)


def lines(run: Run) -> list[str]:
    """The summary, said once."""
    (summary,) = [entry for entry in run.results if entry["task"].endswith("Say what was found")]
    found: list[str] = summary["result"]["msg"]
    return found


def failures(run: Run) -> dict[str, str]:
    """Host -> why, of the task that judges."""
    return {
        entry["host"]: entry["result"]["msg"]
        for entry in run.results
        if entry["status"] == "failed" and " Fail where " in entry["task"]
    }


def test_a_fleet_that_delivers(fleet: Fleet) -> None:
    fleet.enforce(GOOD)
    run = fleet.verify()
    assert run.status == 0, run.output
    assert lines(run) == [
        f"good-both managed_settings logs: accepted -> {LOGS}",
        f"good-both managed_settings metrics: accepted -> {METRICS}",
        f"good-both shell_profile of {USER} logs: accepted -> {LOGS}",
        f"good-both shell_profile of {USER} metrics: accepted -> {METRICS}",
        f"good-session shell_profile of {USER} logs: accepted -> {LOGS}",
        f"good-session shell_profile of {USER} metrics: accepted -> {METRICS}",
        f"good-settings managed_settings logs: accepted -> {LOGS}",
        f"good-settings managed_settings metrics: accepted -> {METRICS}",
        f"good-shared shell_profile logs: accepted -> {LOGS}",
        f"good-shared shell_profile metrics: accepted -> {METRICS}",
        "4 of 4 deliver",
    ]
    # Once for each machine and signal, also where two targets say the same.
    arrived = fleet.axiom.arrived()
    assert sorted((entry["resource"]["host.name"], entry["name"], entry["dataset"]) for entry in arrived) == sorted(
        (host, name, dataset)
        for host in GOOD
        for name, dataset in (("devfleet.probe", LOGS), ("devfleet.probe.count", METRICS))
    )
    assert {entry["resource"]["service.name"] for entry in arrived} == {"devfleet-probe"}
    probe_ids = {entry["result"]["probe_id"] for entry in run.results if "probe_id" in entry["result"]}
    assert {entry["resource"]["devfleet.probe.id"] for entry in arrived} == probe_ids
    assert len(probe_ids) == len(GOOD)
    assert not any(entry["result"].get("changed") for entry in run.results)


def test_every_way_not_to_deliver_is_named_and_stops_nobody(fleet: Fleet) -> None:
    installed = {
        "broken": {},
        "dead-endpoint": DEAD,
        "good": {},
        "no-dataset": {
            "claude_code_telemetry_token": fleet.mint("all", "*"),
            "claude_code_telemetry_logs_dataset": "nowhere",
        },
        "not-allowed": {"claude_code_telemetry_token": fleet.mint("logs only", LOGS)},
        "off": {"claude_code_telemetry_enabled": False},
        "off-by-somebody": {},
        "unknown-token": {"claude_code_telemetry_token": UNKNOWN},
    }
    fleet.enforce(installed)
    theirs = "etc/claude-code/managed-settings.d"
    fleet.machines["broken"].write(f"{theirs}/10-theirs.json", '{"env": {},}')
    fleet.machines["off-by-somebody"].write(f"{theirs}/99-theirs.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}')
    fleet.declare(
        {
            **installed,
            "asleep": ASLEEP,
            "bare": {"claude_code_telemetry_targets": BOTH, "claude_code_telemetry_users": [USER, "nobody-here"]},
            "no-python": {"ansible_python_interpreter": "/nowhere/python3"},
        }
    )
    run = fleet.verify()
    assert run.status == 2
    found = lines(run)
    assert found[0].startswith("asleep: unreachable: Failed to connect to the host via ssh")
    nothing = "not_installed: nothing is installed here"
    refused = "connection refused"
    assert found[1:7] == [
        f"bare managed_settings logs: {nothing}",
        f"bare managed_settings metrics: {nothing}",
        f"bare shell_profile of {USER} logs: {nothing}",
        f"bare shell_profile of {USER} metrics: {nothing}",
        *[
            f"bare shell_profile of nobody-here {signal}: broken: users: there is no user nobody-here below "
            f"{fleet.machines['bare'].root}; create the user or take the name out"
            for signal in ("logs", "metrics")
        ],
    ]
    assert found[7].startswith("broken managed_settings logs: broken: ")
    assert "10-theirs.json: line 1 column 12" in found[7]
    assert found[9:11] == [
        f"dead-endpoint managed_settings logs: unreachable -> {LOGS}: 127.0.0.1:1: {refused}",
        f"dead-endpoint managed_settings metrics: unreachable -> {METRICS}: 127.0.0.1:1: {refused}",
    ]
    assert found[11:13] == [
        f"good managed_settings logs: accepted -> {LOGS}",
        f"good managed_settings metrics: accepted -> {METRICS}",
    ]
    assert found[13].startswith(
        "no-dataset managed_settings logs: refused (404) -> nowhere: there is no dataset nowhere"
    )
    assert found[14] == f"no-dataset managed_settings metrics: accepted -> {METRICS}"
    # The rest is ansible-core's own sentence, which differs by version.
    assert re.fullmatch(r"no-python: could not be probed: The module .*interpreter.*", found[15])
    assert found[16] == f"not-allowed managed_settings logs: accepted -> {LOGS}"
    assert found[17].startswith(
        f"not-allowed managed_settings metrics: refused (403) -> {METRICS}: the token may not ingest into {METRICS}"
    )
    assert found[18:20] == [
        f"off managed_settings {signal}: switched_off: CLAUDE_CODE_ENABLE_TELEMETRY is not 1"
        for signal in ("logs", "metrics")
    ]
    assert found[20:22] == [
        "off-by-somebody managed_settings logs: switched_off: OTEL_LOGS_EXPORTER is none",
        f"off-by-somebody managed_settings metrics: accepted -> {METRICS}",
    ]
    culprit = fleet.machines["off-by-somebody"].root / theirs / "99-theirs.json"
    why = f"why: overridden: {culprit} overrides our OTEL_LOGS_EXPORTER; take these variables out of the file"
    assert found[22] == f"off-by-somebody {why}"
    for line, dataset in zip(found[23:25], (LOGS, METRICS), strict=True):
        assert f"refused (401) -> {dataset}: the token is unknown, expired or revoked" in line
    assert found[25:] == ["2 of 11 deliver, 1 unreachable, 8 not delivering"]
    failed = failures(run)
    assert sorted(failed) == sorted({*installed, "bare", "no-python"} - {"good", "off"})
    assert failed["not-allowed"].startswith(f"not-allowed: managed_settings metrics: refused (403) -> {METRICS}: ")
    assert failed["off-by-somebody"].endswith(why)
    assert all(message.startswith(f"{host}: ") for host, message in failed.items())
    asked = {entry["host"] for entry in run.results if "findings" in entry["result"]}
    assert asked == {*installed, "bare"} - {"good", "off"}, "nobody who delivers is asked for reasons"


def test_a_record_that_is_turned_away(fleet: Fleet) -> None:
    fleet.enforce({"dev1": {}})
    partial = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "attribute names are limited"}}
    fleet.axiom.fault(path="/v1/logs$", role="edge", status=200, body=partial)
    run = fleet.verify()
    assert run.status == 2
    assert lines(run)[:2] == [
        f"dev1 managed_settings logs: partial -> {LOGS}: 1 rejected: attribute names are limited",
        f"dev1 managed_settings metrics: accepted -> {METRICS}",
    ]
    assert list(failures(run)) == ["dev1"]


def test_json_is_sent_where_the_client_sends_json(fleet: Fleet) -> None:
    fleet.enforce({"dev1": {"claude_code_telemetry_logs_protocol": "http/json"}})
    assert fleet.verify().status == 0
    sent = {entry["path"]: entry["content_type"] for entry in fleet.axiom.requests() if entry["role"] == "edge"}
    assert sent == {"/v1/logs": "application/json", "/v1/metrics": "application/x-protobuf"}
    assert [entry["name"] for entry in fleet.axiom.arrived("logs")] == ["devfleet.probe"]


def test_check_mode_sends_nothing(fleet: Fleet) -> None:
    fleet.enforce({"dev1": {"claude_code_telemetry_targets": BOTH}})
    fleet.declare({"bare": {}, "dev1": {"claude_code_telemetry_targets": BOTH}, "asleep": ASLEEP})
    run = fleet.verify("--check", "--diff")
    assert run.status == 0, run.output
    assert lines(run)[1:] == [
        "bare managed_settings logs: not_installed: nothing is installed here",
        "bare managed_settings metrics: not_installed: nothing is installed here",
        f"dev1 managed_settings logs: not_sent -> {LOGS}: check mode; a connection is possible",
        f"dev1 managed_settings metrics: not_sent -> {METRICS}: check mode; a connection is possible",
        f"dev1 shell_profile logs: not_sent -> {LOGS}: check mode; a connection is possible",
        f"dev1 shell_profile metrics: not_sent -> {METRICS}: check mode; a connection is possible",
        "check mode: nothing was sent",
    ]
    assert fleet.edge_requests() == []
    assert fleet.axiom.arrived() == []


def test_unreachable_machines_fail_only_where_wanted(fleet: Fleet) -> None:
    fleet.enforce({"dev1": {}})
    fleet.declare({"a-first": ASLEEP, "dev1": {}, "not-asked": {}})
    run = fleet.verify("--limit", "a-first,dev1")
    assert run.status == 0, run.output
    assert lines(run)[-1] == "1 of 2 deliver, 1 unreachable"
    run = fleet.verify("--limit", "a-first,dev1", "-e", "telemetry_verify_fail_unreachable=true")
    assert run.status == 2
    assert failures(run) == {"a-first": "a-first is unreachable"}
    # Nobody else is asked, and that is no failure either.
    run = fleet.verify("--limit", "a-first")
    assert run.status == 0, run.output
    assert lines(run)[-1] == "0 of 1 deliver, 1 unreachable"


def test_machines_that_failed_earlier_are_named(fleet: Fleet) -> None:
    fleet.enforce({"a-first": {}, "dev1": {}})
    (fleet.root / "twice.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.fail:\n      when: inventory_hostname == 'a-first'\n"
        "- ansible.builtin.import_playbook: devfleet.axiom.verify\n"
    )
    run = fleet.controller.playbook(str(fleet.root / "twice.yml"))
    assert lines(run)[0] == "a-first: not probed: it failed or was unreachable earlier in this run"
    assert lines(run)[-1] == "1 of 2 deliver, 1 not probed"
    assert failures(run) == {}


def test_failing_can_be_left_to_others(fleet: Fleet) -> None:
    fleet.enforce({"dev1": {"claude_code_telemetry_token": UNKNOWN}})
    run = fleet.verify("-e", "telemetry_verify_fail=false")
    assert run.status == 0, run.output
    assert lines(run)[-1] == "0 of 1 deliver, 1 not delivering"


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_the_secret_is_in_no_output_whatever_the_server_says(fleet: Fleet, pipelining: str) -> None:
    fleet.enforce({"dev1": {"claude_code_telemetry_targets": BOTH, "claude_code_telemetry_users": [USER]}})
    body = {"message": f"I know {fleet.token}, Bearer {fleet.token} and {UNKNOWN}"}
    fleet.axiom.fault(role="edge", status=401, body=body, times=None)
    run = fleet.verify("-vvvv", "--diff", ANSIBLE_PIPELINING=pipelining, ANSIBLE_KEEP_REMOTE_FILES="1")
    assert run.status == 2
    assert lines(run)[0].endswith("it says: I know ********, Bearer ******** and ********")
    assert fleet.token not in run.output
    assert UNKNOWN not in run.output
    held = [
        path
        for path in fleet.controller.root.rglob("*")
        if path.is_file() and path != fleet.controller.inventory / "group_vars/all.yml"
    ]
    assert [path for path in held if fleet.token.encode() in path.read_bytes()] == []


def test_a_missing_package_on_the_controller_is_named(fleet: Fleet) -> None:
    fleet.declare({"dev1": {}})
    hidden = fleet.root / "hidden/opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()
    run = fleet.verify(PYTHONPATH=str(hidden.parent))
    assert run.status == 2
    assert "opentelemetry-proto is needed on the controller" in failures(run)["dev1"]
