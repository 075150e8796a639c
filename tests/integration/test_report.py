# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is silent, by the real `ansible-playbook`: every class made on purpose, and no machine touched unless asked."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from junitparser import JUnitXml
from support.machine import USER, FakeMachine
from support.observed import Observed
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

LOGS, METRICS, OLD_LOGS = "claude-code-logs", "claude-code-metrics", "old-logs"
INGEST, REPORT = "claude-code-ingest", "claude-code-report"
REPOSITORY = Path(__file__).parents[2]
SCHEMA = json.loads((REPOSITORY / "docs/report.schema.json").read_text())
TEAMS = REPOSITORY / "tests/examples/teams"
# An address that nobody answers at: whoever opens a connection fails.
NOWHERE = {"ansible_host": "192.0.2.1"}
NOW = datetime.datetime.now(datetime.UTC)
VERSION = "2.1.331"


def event(machine: str, name: str = "user_prompt", hours: float = 1, **more: Any) -> dict[str, Any]:
    resource = {"service.name": "claude-code", "service.version": VERSION, "host.name": machine}
    return {
        "name": name,
        "body": f"claude_code.{name}",
        "time": NOW - datetime.timedelta(hours=hours),
        "resource": {**resource, **more.pop("resource", {})},
        "attributes": {"event.name": name, **more},
    }


def resolved(machine: str, sha256: str) -> dict[str, Any]:
    found = {"managed_settings.sources": ["file"], "managed_settings.resolved_sha256": sha256}
    return event(machine, "managed_settings_resolved", 2, **found)


def point(machine: str, name: str = "session.count", hours: float = 1, **resource: Any) -> dict[str, Any]:
    return {**event(machine, name, hours, resource=resource), "name": f"claude_code.{name}", "value": 1}


def probe(machine: str) -> list[dict[str, Any]]:
    """What otlp_probe sends."""
    resource = {"service.name": "devfleet-probe", "host.name": machine, "devfleet.probe.id": "1"}
    one = {"time": NOW - datetime.timedelta(minutes=1), "resource": resource, "value": 1}
    return [{**one, "name": "devfleet.probe", "body": "devfleet.probe"}, {**one, "name": "devfleet.probe.count"}]


class ReportedFleet(Observed):
    """A provisioned Axiom, machines that do not exist, and reports about them."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.root = root
        self.controller = Controller(root / "controller", {**axiom.env(), "ANSIBLE_TIMEOUT": "1"})
        self.store = self.controller.inventory / "secrets" / "axiom.yml"

    def declare(self, hosts: Iterable[str] | dict[str, dict[str, Any]], **changes: Any) -> None:
        known = hosts if isinstance(hosts, dict) else {host: {} for host in hosts}
        variables = {
            "axiom_workspace_datasets": [
                {"name": LOGS},
                {"name": OLD_LOGS},
                {"name": METRICS, "kind": "otel:metrics:v1", "edge_deployment": "cloud.eu-central-1.aws"},
            ],
            "axiom_workspace_tokens": [
                {"name": INGEST, "ingest": [LOGS, METRICS]},
                {"name": REPORT, "query": [LOGS, METRICS, OLD_LOGS]},
            ],
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            "claude_code_telemetry_logs_dataset": LOGS,
            "claude_code_telemetry_metrics_dataset": METRICS,
            "claude_code_telemetry_token_name": INGEST,
            **changes,
        }
        self.controller.hosts({host: {**NOWHERE, **more} for host, more in known.items()}, **variables)

    def provision(self) -> None:
        run = self.controller.playbook("devfleet.axiom.provision")
        assert run.status == 0, run.output

    def run(self, *arguments: str, **environment: str) -> Run:
        """A report, in directory `out`, without the management token; no secret is in what it says."""
        self.axiom.clear_requests()
        given = ["-e", "telemetry_verify_report_dir=out", *arguments]
        run = self.controller.playbook("devfleet.axiom.report", *given, **{"AXIOM_TOKEN": "", **environment})
        self.no_secret_in(run.output, json.dumps(run.results))
        return run

    def file(self, name: str = "report.json") -> Path:
        return self.controller.root / "out" / name

    def report(self, *arguments: str, **environment: str) -> dict[str, Any]:
        run = self.run(*arguments, **environment)
        assert run.status == 0, run.output
        found: dict[str, Any] = json.loads(self.file().read_text())
        jsonschema.validate(found, SCHEMA)
        return found

    def queries(self) -> list[str]:
        return sorted(entry["path"] for entry in self.axiom.requests())


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> ReportedFleet:
    return ReportedFleet(open_path, axiom)


def classes(report: dict[str, Any]) -> dict[str, str]:
    return {entry["machine"]: entry["class"] for entry in report["machines"]}


def digests(report: dict[str, Any]) -> dict[str, str]:
    return {entry["machine"]: entry["expected_sha256"] for entry in report["machines"]}


def test_every_class_of_five_hundred_machines_from_queries_alone(fleet: ReportedFleet) -> None:
    names = [f"laptop-{number:03}" for number in range(500)]
    special = dict(
        zip(("both", "logs", "metrics", "stale", "elsewhere", "never", "late", "probed"), names, strict=False)
    )
    fleet.declare(names, claude_code_telemetry_resource_attributes={"team": "platform"})
    fleet.provision()
    expected = digests(fleet.report())
    ordinary = names[len(special) :]
    both = [*ordinary, special["both"], special["stale"]]
    fleet.axiom.load_events(
        LOGS,
        [
            *(event(name) for name in [*both, special["logs"], "stranger"]),
            *(event(name, "api_request", 0.5) for name in ordinary[:100]),
            *(resolved(name, expected[name]) for name in ordinary[:100]),
            resolved(special["stale"], "of-last-week"),
            event(special["late"], hours=30),
            probe(special["probed"])[0],
        ],
    )
    fleet.axiom.load_events(OLD_LOGS, [event(special["elsewhere"])])
    points = [*(point(name) for name in [*both, special["metrics"]]), point(special["late"], hours=30)]
    fleet.axiom.load_points(METRICS, [*points, point(ordinary[0], "token.usage"), probe(special["probed"])[1]])
    # One machine of another team is declared to send to the dataset where an old machine still does.
    moved = {"claude_code_telemetry_logs_dataset": OLD_LOGS, "telemetry_verify_team": "moved"}
    fleet.declare(
        {**{name: {} for name in names}, "moved": moved},
        claude_code_telemetry_resource_attributes={"team": "platform"},
    )
    found = fleet.report()
    wanted = dict.fromkeys(ordinary, "delivering")
    wanted |= {special["both"]: "delivering", special["logs"]: "logs_only", special["metrics"]: "metrics_only"}
    wanted |= {special["stale"]: "stale", special["elsewhere"]: "stale", "stranger": "unknown", "moved": "never_seen"}
    wanted |= dict.fromkeys((special["never"], special["late"], special["probed"]), "never_seen")
    assert classes(found) == wanted
    assert found["coverage"] == {"expected": 501, "delivering": 493, "percent": 98.4}
    assert [team["team"] for team in found["teams"]] == ["moved", "platform"]
    assert found["client_versions"] == [{"version": VERSION, "machines": 496}]
    entries = {entry["machine"]: entry for entry in found["machines"]}
    assert entries[ordinary[0]]["signals"] == ["user_prompt", "api_request", "session.count", "token.usage"]
    assert entries[ordinary[0]]["settings_sha256"] == expected[ordinary[0]]
    assert entries[special["stale"]]["reasons"][0]["code"] == "old_settings"
    assert entries[special["elsewhere"]]["reasons"][0]["code"] == "other_dataset"
    # One for each dataset of logs, and one for each metric.
    assert fleet.queries() == ["/v1/query/_apl"] * 2 + ["/v1/query/_mpl"] * 2
    suites = JUnitXml.fromfile(str(fleet.file("junit.xml")))
    assert (suites.tests, suites.failures) == (501, 8)
    assert special["never"] in fleet.file("report.html").read_text()
    assert {fleet.file(name).stat().st_mode & 0o777 for name in ("report.json", "junit.xml", "report.html")} == {0o640}


def test_the_number_of_queries_does_not_depend_on_that_of_machines(fleet: ReportedFleet) -> None:
    names = [f"m{number}" for number in range(5000)]
    fleet.declare(names)
    fleet.provision()
    fleet.axiom.load_events(LOGS, [event(name) for name in names])
    fleet.axiom.load_points(METRICS, [point(name) for name in names])
    found = fleet.report()
    assert found["coverage"] == {"expected": 5000, "delivering": 5000, "percent": 100.0}
    assert fleet.queries() == ["/v1/query/_apl", "/v1/query/_mpl", "/v1/query/_mpl"]


@pytest.mark.parametrize("layout", ["flat", "custom"])
def test_pseudonyms_arrive_as_fields_or_as_keys_of_a_map(fleet: ReportedFleet, layout: str) -> None:
    hosts = {
        "ada": {"claude_code_telemetry_machine": "{{ inventory_hostname | hash('sha1') | truncate(8, true, '') }}"},
        "grace": {"claude_code_telemetry_machine": "fixed", "claude_code_telemetry_machine_attribute": "machine.id"},
    }
    fleet.declare(hosts)
    fleet.provision()
    fleet.axiom.settings(log_fields=layout)
    ids = {"machine.id": "fixed", "host.name": "not to be seen"}
    pseudonym = hashlib.sha1(b"ada").hexdigest()[:8]
    fleet.axiom.load_events(LOGS, [event(pseudonym), resolved(pseudonym, "x"), event("", resource=ids)])
    fleet.axiom.load_points(METRICS, [point(pseudonym), point("", **ids)])
    found = fleet.report()
    by_name = classes(found)
    assert (by_name.pop("ada"), by_name.pop("grace")) == ("delivering", "delivering")
    assert next(entry for entry in found["machines"] if entry["machine"] == "ada")["settings_source"] == ["file"]
    # Asked by the other attribute, each sees what the other is called there.
    assert by_name == {"not to be seen": "unknown"}


def test_teams_on_several_tokens_and_edges_are_judged_by_their_own(fleet: ReportedFleet) -> None:
    shutil.copytree(TEAMS, fleet.controller.inventory, dirs_exist_ok=True)
    fleet.provision()
    fleet.axiom.load_events("payments-logs", [event("pay-laptop-1"), event("research-laptop")])
    fleet.axiom.load_points("payments-metrics", [point("pay-laptop-1"), point("pay-laptop-2")])
    fleet.axiom.load_events("platform-builds", [event("platform-builder")])
    fleet.axiom.load_points("shared-metrics", [point("platform-builder"), point("platform-laptop")])
    found = fleet.report()
    assert classes(found) == {
        "pay-laptop-1": "delivering",
        "pay-laptop-2": "metrics_only",
        "platform-builder": "delivering",
        "platform-laptop": "metrics_only",
        "research-laptop": "stale",
    }
    assert found["teams"][0] == {"team": "payments", "expected": 2, "delivering": 1, "percent": 50.0}
    assert {source["token_name"] for source in found["sources"]} == {
        "payments",
        "platform",
        "platform-builders",
        "research",
    }
    assert fleet.queries() == ["/v1/query/_apl"] * 4 + ["/v1/query/_mpl"] * 4
    # Each query goes to the edge where its dataset lives, with a token that may read no other team's.
    asked = {(entry["edge"], entry["token"]) for entry in fleet.axiom.requests()}
    assert asked == {
        ("cloud.eu-central-1.aws", "payments-report"),
        ("cloud.eu-central-1.aws", "report"),
        ("cloud.us-east-1.aws", "report"),
    }
    found = fleet.report("--limit", "pay-laptop-2")
    assert classes(found) == {"pay-laptop-2": "metrics_only"}
    assert fleet.queries() == ["/v1/query/_apl"] + ["/v1/query/_mpl"] * 2


def test_silent_machines_are_asked_only_with_the_tag(fleet: ReportedFleet) -> None:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    machines = {name: FakeMachine(fleet.root / name) for name in ("idle", "hijacked", "good")}
    hosts = {name: {**local, "claude_code_telemetry_prefix": str(each.root)} for name, each in machines.items()}
    asleep = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}
    fleet.declare({**hosts, "asleep": asleep}, claude_code_telemetry_users=[USER])
    fleet.provision()
    assert fleet.controller.playbook("devfleet.axiom.enforce", "--limit", ",".join(hosts)).status == 0
    machines["hijacked"].write(f"home/{USER}/.claude.json", "{}")
    theirs = machines["hijacked"].write(
        "etc/claude-code/managed-settings.d/99-theirs.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}'
    )
    fleet.axiom.load_events(LOGS, [event("good")])
    fleet.axiom.load_points(METRICS, [point("good")])
    unasked = fleet.report()
    assert unasked["classes"]["never_seen"] == 3
    found = fleet.report("--tags", "reasons")
    entries = {entry["machine"]: entry for entry in found["machines"]}
    assert {name: entry["class"] for name, entry in entries.items()} == {
        "asleep": "never_seen",
        "good": "delivering",
        "hijacked": "never_seen",
        "idle": "not_in_use",
    }
    assert [reason["code"] for reason in entries["asleep"]["reasons"]] == ["unreachable"]
    assert [reason["code"] for reason in entries["hijacked"]["reasons"]] == ["overridden"]
    assert str(theirs) in entries["hijacked"]["reasons"][0]["message"]
    assert found["coverage"] == {"expected": 3, "delivering": 1, "percent": 33.3}


def test_a_secret_from_before_the_rotation_is_told_from_its_digest(fleet: ReportedFleet) -> None:
    fleet.declare(["a", "b"])
    fleet.provision()
    before = digests(fleet.report())
    assert fleet.controller.playbook("devfleet.axiom.mint", "-e", f"axiom_workspace_rotate={INGEST}").status == 0
    after = digests(fleet.report())
    assert before["a"] != after["a"] != after["b"]
    fleet.axiom.load_events(LOGS, [event("a"), event("b"), resolved("a", before["a"]), resolved("b", after["b"])])
    fleet.axiom.load_points(METRICS, [point("a"), point("b")])
    found = fleet.report()
    assert classes(found) == {"a": "stale", "b": "delivering"}
    assert [reason["code"] for reason in found["machines"][0]["reasons"]] == ["old_token"]


def test_a_dataset_near_its_limit_of_fields_is_named_where_that_can_be_seen(fleet: ReportedFleet) -> None:
    fleet.declare(["m1"], telemetry_verify_field_limit=30)
    fleet.provision()
    attributes = {f"attribute_{number}": 1 for number in range(30)}
    fleet.axiom.load_events(LOGS, [event("m1", **attributes)])
    assert not [warning for warning in fleet.report()["warnings"] if "map_fields" in warning]
    (warning,) = [
        warning for warning in fleet.report(AXIOM_TOKEN=fleet.axiom.token)["warnings"] if "map_fields" in warning
    ]
    assert warning.startswith(f"{LOGS} has ")
    # A token that may not read that changes nothing else.
    few = {"name": "few", "orgCapabilities": {"annotations": ["read"]}}
    headers = {"Authorization": f"Bearer {fleet.axiom.token}"}
    minted = requests.post(f"{fleet.axiom.url}/v2/tokens", json=few, headers=headers, timeout=30).json()["token"]
    assert not [warning for warning in fleet.report(AXIOM_TOKEN=minted)["warnings"] if "map_fields" in warning]


def test_too_few_fail_the_run_with_their_names_and_the_files_are_there(fleet: ReportedFleet) -> None:
    fleet.declare([f"m{number}" for number in range(4)])
    fleet.provision()
    fleet.axiom.load_events(LOGS, [event(f"m{number}") for number in range(3)])
    fleet.axiom.load_points(METRICS, [point(f"m{number}") for number in range(3)])
    for share, status in (("75%", 0), ("76%", 2)):
        run = fleet.run("-e", f"telemetry_verify_fail_below={share}")
        assert run.status == status
        assert fleet.file().exists()
        shutil.rmtree(fleet.file().parent)
    assert run.messages() == "3 of 4 machines deliver, which is less than 76%; silent: m3"
    (stats,) = [entry["result"]["ansible_stats"] for entry in run.results if "ansible_stats" in entry["result"]]
    assert stats["data"]["axiom_report"] | {"window": None, "classes": None} == {
        "expected": 4,
        "delivering": 3,
        "percent": 75.0,
        "silent": ["m3"],
        "window": None,
        "classes": None,
    }
    # A dry run asks as well, and writes nothing.
    run = fleet.run("--check", "-e", "telemetry_verify_fail_below=76%")
    assert run.status == 2
    assert not fleet.file().exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"telemetry_verify_window": "a day"}, "telemetry_verify_window: 'a day' is no duration"),
        ({"telemetry_verify_field_limit": "many"}, "argument 'telemetry_verify_field_limit' is of type "),
        ({"claude_code_telemetry_shells": ["ksh"]}, "m1: value of claude_code_telemetry_shells must be one or more of"),
        ({"telemetry_verify_report_dir": "inventory/out"}, "inventory/out lies in the inventory"),
        ({"telemetry_verify_fail_below": "most"}, "telemetry_verify_fail_below: 'most' is no share"),
        ({"telemetry_verify_query_tokens": []}, f"no token may query {LOGS}: declare one"),
        ({"telemetry_verify_query_tokens": [INGEST]}, f"no token may query {LOGS}: declare one"),
        ({"telemetry_verify_query_token": "xaat-00000000-0000-4000-8000-000000000000"}, "query token (401)"),
        ({"claude_code_telemetry_logs_dataset": "nowhere"}, "no token may query nowhere"),
    ],
)
def test_what_cannot_be_asked_is_one_line(fleet: ReportedFleet, changes: dict[str, Any], says: str) -> None:
    fleet.declare(["m1"])
    fleet.provision()
    run = fleet.run("-e", json.dumps(changes))
    assert run.status == 2
    assert says in run.messages()
    assert "\n" not in run.messages()


def test_the_cost_of_queries_and_a_dead_edge_are_explained(fleet: ReportedFleet) -> None:
    fleet.declare(["m1"], axiom_workspace_retries=0)
    fleet.provision()
    limited = {"status": 429, "body": {"message": "hourly limit"}, "headers": {"Retry-After": "1800"}}
    fleet.axiom.fault(path="/v1/query/_apl", role="edge", **limited)
    run = fleet.run()
    assert run.status == 2
    assert "limit on the cost of queries is reached (429)" in run.messages()
    assert "Query again in 1800 s" in run.messages()
    fleet.axiom.stop()
    run = fleet.controller.playbook("devfleet.axiom.report")
    assert run.status == 2
    assert "refuses the connection: check edge_url" in run.messages()
