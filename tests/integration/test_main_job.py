# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job, as its user runs it: every playbook, on a local Axiom and a small local fleet of mixed targets."""

from __future__ import annotations

import json
import subprocess

import pytest
from support.fleet import DATASETS, HOSTS, Fleet


def test_site_from_nothing_and_then_nothing_to_do(fleet: Fleet) -> None:
    first = fleet.playbook("site")
    assert first.status == 0, first.output
    assert {host for host, _what in first.changed()} == set(HOSTS)
    fleet.axiom.clear_requests()
    before = fleet.touched()
    second = fleet.playbook("site")
    assert second.status == 0, second.output
    assert second.changed() == set()
    assert "WARNING" not in second.output
    assert not [entry for entry in second.results if entry["result"].get("changed")]
    assert fleet.touched() == before
    api = [entry for entry in fleet.axiom.requests() if entry["role"] == "api"]
    assert len(api) == 2, api
    enforced = [entry for entry in second.results if entry["action"].endswith(".claude_code_telemetry")]
    assert [entry["result"]["probed"] for entry in enforced].count(True) == len(HOSTS)
    arrived = fleet.axiom.arrived()
    assert {(entry["signal"], entry["dataset"]) for entry in arrived} == {
        ("logs", "claude-code-logs"),
        ("metrics", "claude-code-metrics"),
    }
    assert {entry["token"] for entry in arrived} == {"claude-code-ingest"}
    assert {entry["resource"]["host.name"] for entry in arrived} == set(HOSTS)


def test_each_signal_goes_to_its_own_edge(fleet: Fleet) -> None:
    assert fleet.playbook("site").status == 0
    environment = json.loads(fleet.machines["drop-in"].drop_in.read_text())["env"]
    urls = fleet.axiom.edge_urls
    assert environment["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == urls["cloud.us-east-1.aws"] + "/v1/logs"
    assert environment["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == urls["cloud.eu-central-1.aws"] + "/v1/metrics"


def test_check_on_bare_ground_writes_nothing_and_predicts_everything(fleet: Fleet) -> None:
    fleet.axiom.settings(readonly=True)
    machines, controller = fleet.touched(), sorted(fleet.controller.inventory.rglob("*"))
    predicted = fleet.playbook("site", "--check", "--diff")
    assert predicted.status == 0, predicted.output
    assert "(not minted yet)" in predicted.output
    assert fleet.writes() == []
    assert fleet.touched() == machines
    assert sorted(fleet.controller.inventory.rglob("*")) == controller
    assert fleet.axiom.arrived() == []
    fleet.axiom.settings(readonly=False)
    done = fleet.playbook("site", "--diff")
    assert done.status == 0, done.output
    assert predicted.changed() == done.changed()


DRIFT = {
    "nothing": lambda fleet: None,
    "a machine": lambda fleet: fleet.machines["drop-in"].drop_in.write_text("{}"),
    "the declaration": lambda fleet: fleet.declare(
        axiom_workspace_datasets=[{**DATASETS[0], "retention_days": 90, "description": "Claude Code"}, DATASETS[1]],
        claude_code_telemetry_intervals="testing",
    ),
}


CHANGES = {
    "nothing": {"remove"},
    "a machine": {"site", "enforce", "remove"},
    "the declaration": {"site", "provision", "enforce", "remove"},
}


@pytest.mark.parametrize("drift", DRIFT)
@pytest.mark.parametrize("name", ["site", "provision", "enforce", "verify", "remove"])
def test_every_playbook_in_check_mode_writes_nothing_and_predicts_the_truth(
    fleet: Fleet, name: str, drift: str
) -> None:
    assert fleet.playbook("site").status == 0
    DRIFT[drift](fleet)
    fleet.axiom.clear_requests()
    fleet.axiom.settings(readonly=True)
    arrived, machines = len(fleet.axiom.arrived()), fleet.touched()
    store = (fleet.controller.inventory / "secrets/axiom.yml").read_bytes()
    predicted = fleet.playbook(name, "--check", "--diff")
    assert predicted.status == 0, predicted.output
    assert bool(predicted.changed()) == (name in CHANGES[drift])
    assert fleet.writes() == []
    assert len(fleet.axiom.arrived()) == arrived
    assert fleet.touched() == machines
    assert (fleet.controller.inventory / "secrets/axiom.yml").read_bytes() == store
    fleet.axiom.settings(readonly=False)
    done = fleet.playbook(name, "--diff")
    # Only verifying does not repair: a machine without its settings is what it is there to find.
    assert (done.status == 0) == ((name, drift) != ("verify", "a machine")), done.output
    assert predicted.changed() == done.changed()


def test_remove_leaves_what_was_there_before_and_axiom_alone(fleet: Fleet) -> None:
    # Directories that belong to nobody in particular stay.
    for folder in ("etc/profile.d", "etc/fish/conf.d", "home/ada/.config/fish/conf.d", "home/ada/.local/share"):
        for machine in fleet.machines.values():
            machine.write(f"{folder}/theirs", "")
    before = fleet.snapshots()
    assert fleet.playbook("site").status == 0
    fleet.axiom.clear_requests()
    removed = fleet.playbook("remove")
    assert removed.status == 0, removed.output
    assert fleet.snapshots() == before
    assert fleet.axiom.requests() == []
    assert fleet.playbook("remove").changed() == set()


def test_enforce_needs_no_axiom_and_no_management_token(fleet: Fleet) -> None:
    assert fleet.playbook("provision").status == 0
    fleet.axiom.clear_requests()
    run = fleet.controller.playbook(
        "devfleet.axiom.enforce", AXIOM_TOKEN="", AXIOM_URL="http://127.0.0.1:9", AXIOM_ORG_ID=""
    )
    assert run.status == 0, run.output
    assert fleet.axiom.requests() == []


def test_a_bad_option_of_one_machine_stops_site_before_anything_is_changed(fleet: Fleet) -> None:
    machines = fleet.touched()
    (fleet.controller.inventory / "host_vars").mkdir()
    (fleet.controller.inventory / "host_vars" / "both.yml").write_text("claude_code_telemetry_intervals: often\n")
    run = fleet.playbook("site")
    assert run.status != 0
    assert "claude_code_telemetry_intervals: 'often' must be production, testing or a dict" in run.messages()
    assert fleet.axiom.requests() == []
    assert fleet.touched() == machines


def test_limit_and_the_extra_variable_choose_the_hosts(fleet: Fleet) -> None:
    limited = fleet.playbook("site", "--limit", "merged")
    assert limited.status == 0, limited.output
    assert {host for host, _what in limited.changed()} == {"merged"}
    chosen = fleet.playbook("enforce", "-e", "claude_code_telemetry_hosts=shells")
    assert {host for host, _what in chosen.changed()} == {"shells"}


def test_a_dead_first_host_stops_nobody(fleet: Fleet) -> None:
    (fleet.controller.inventory / "host_vars").mkdir()
    dead = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_ssh_retries": 0}
    (fleet.controller.inventory / "host_vars" / "both.yml").write_text(json.dumps(dead))
    run = fleet.playbook("site")
    assert run.status == 0, run.output
    assert {host for host, _what in run.changed()} >= set(HOSTS) - {"both"}
    assert "both: unreachable" in run.output
    assert {entry["resource"]["host.name"] for entry in fleet.axiom.arrived()} == set(HOSTS) - {"both"}


def test_drift_is_repaired_and_nothing_else_is_touched(fleet: Fleet) -> None:
    assert fleet.playbook("site").status == 0
    good = fleet.snapshots()
    fleet.machines["drop-in"].drop_in.write_text('{"env": {}}')
    (fleet.machines["both"].home / ".bashrc").write_text("# theirs\n")
    run = fleet.playbook("enforce", "--diff")
    assert {host for host, _what in run.changed()} == {"drop-in", "both"}
    after = fleet.snapshots()
    assert after["drop-in"] == good["drop-in"]
    assert after["merged"] == good["merged"]
    assert (fleet.machines["both"].home / ".bashrc").read_text().endswith("# theirs\n")


def test_a_store_without_the_token_says_what_to_do(fleet: Fleet) -> None:
    run = fleet.playbook("enforce")
    assert run.status != 0
    assert "run devfleet.axiom.provision first" in run.messages()


@pytest.mark.parametrize("ingest", [[], ["claude-code-logs", "claude-code-metrics"]])
def test_a_token_that_can_query_is_installed_nowhere(fleet: Fleet, ingest: list[str]) -> None:
    reader = {"name": "reader", "query": ["claude-code-logs", "claude-code-metrics"], "ingest": ingest}
    fleet.declare(axiom_workspace_tokens=[reader], claude_code_telemetry_token_name="reader")
    # Axiom makes it, and not even a dry run installs it.
    for arguments in (["--check"], []):
        run = fleet.playbook("site", *arguments)
        assert run.status != 0
        assert "token_name: the token reader may query claude-code-logs, claude-code-metrics" in run.messages()
        assert all(not machine.drop_in.exists() for machine in fleet.machines.values())


def test_a_dataset_that_the_token_may_not_use_is_named(fleet: Fleet) -> None:
    assert fleet.playbook("provision").status == 0
    fleet.declare(claude_code_telemetry_logs_dataset="claude-code-log")
    run = fleet.playbook("enforce")
    assert run.status != 0
    assert "logs_dataset: the token claude-code-ingest may not ingest into claude-code-log, only into" in run.messages()


def test_a_misspelt_variable_is_named_and_one_of_a_playbook_or_a_user_is_not(fleet: Fleet) -> None:
    assert fleet.playbook("provision").status == 0
    ours = {"claude_code_telemetry_fail_on_drift": False, "claude_code_telemetry_stats": False, "team_attributes": {}}
    warning = "claude_code_telemetry_user is no option and has no effect; is claude_code_telemetry_users meant?"
    fleet.declare(**ours, claude_code_telemetry_user=["ada"])
    for _installing_and_converged in range(2):
        run = fleet.playbook("enforce")
        assert run.status == 0, run.output
        assert {warning for entry in run.results for warning in entry["result"].get("warnings", [])} == {warning}
    fleet.declare(claude_code_telemetry_logs_dataset="", claude_code_telemetry_log_dataset="claude-code-logs")
    refused = fleet.playbook("enforce")
    assert refused.messages().startswith("claude_code_telemetry_logs_dataset is missing; ")
    assert "is claude_code_telemetry_logs_dataset meant?" in refused.messages()
    unknown = fleet.playbook(
        "enforce", "-e", '{"claude_code_telemetry_shells": ["ksh"], "claude_code_telemetry_scope": "all"}'
    )
    for name in ("shells", "scope"):
        assert f"value of claude_code_telemetry_{name} must be one " in unknown.messages()
    fleet.declare(**ours)
    silent = fleet.playbook("enforce")
    assert not any(entry["result"].get("warnings") for entry in silent.results)


def test_datasets_that_were_mixed_up_are_refused_before_anything_is_installed(fleet: Fleet) -> None:
    logs, metrics = "claude-code-logs", "claude-code-metrics"
    for signal, dataset, complaint in (
        ("logs", metrics, f"logs_dataset: {metrics} is of kind otel:metrics:v1, which takes no logs; name one of"),
        ("metrics", logs, f"metrics_dataset: {logs} is of kind axiom:events:v1, which takes no metrics; name one of"),
    ):
        fleet.declare(**{f"claude_code_telemetry_{signal}_dataset": dataset})
        for arguments in (["--check"], []):
            run = fleet.playbook("site", *arguments)
            assert run.status != 0
            assert complaint in run.messages()
            assert all(not machine.drop_in.exists() for machine in fleet.machines.values())


@pytest.mark.parametrize("vaulted", [False, True])
def test_everything_by_hand_without_a_store(fleet: Fleet, vaulted: bool) -> None:
    secret = "xaat-0c0ffee0-1111-4222-8333-944445555666"
    fleet.declare(
        axiom_workspace_store={},
        claude_code_telemetry_token=secret,
        claude_code_telemetry_logs_endpoint="{{ edge }}/v1/logs",
        claude_code_telemetry_metrics_endpoint="https://us-east-1.aws.edge.axiom.co/v1/metrics",
        claude_code_telemetry_https_proxy="{{ proxy | default(omit) }}",
        edge="https://us-east-1.aws.edge.axiom.co",
    )
    if vaulted:
        variables = fleet.controller.inventory / "group_vars" / "all.yml"
        encrypted = subprocess.run(
            ["ansible-vault", "encrypt_string", secret],
            env=fleet.controller.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        variables.write_text(variables.read_text().replace(secret, encrypted.stdout))
        assert secret not in variables.read_text()
    run = fleet.playbook("enforce", "-vvvv", "--diff")
    assert run.status == 0, run.output
    document = json.loads(fleet.machines["drop-in"].drop_in.read_text())
    assert document["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {secret}"
    assert document["env"]["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == "https://us-east-1.aws.edge.axiom.co/v1/logs"
    assert "HTTPS_PROXY" not in document["env"]
    assert secret not in run.output
