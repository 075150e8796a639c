# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisioning as its user runs it: real ansible-playbook, the local Axiom, and what happens on bad days."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.observed import Observed
from support.playbook import Controller, Run

from axiom_emulator.testing import LocalAxiom

DATASETS = [
    {"name": "claude-code-logs", "retention_days": 30},
    {"name": "claude-code-metrics", "kind": "otel:metrics:v1", "edge_deployment": "cloud.eu-central-1.aws"},
]
TOKENS = [{"name": "claude-code-ingest", "ingest": ["claude-code-logs", "claude-code-metrics"]}]
# Addresses that nobody answers at: whoever opens a connection fails.
HOSTS: dict[str, dict[str, Any]] = {name: {"ansible_host": "192.0.2.1"} for name in ("dead", "also-dead")}
READS = [("GET", "/v2/datasets"), ("GET", "/v2/tokens")]


class DeclaredWorkspace(Observed):
    """A workspace as hosts declare it, the local Axiom that it is made in, and the store."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom = axiom
        self.controller = Controller(root / "controller", {**axiom.env(), "ANSIBLE_TIMEOUT": "1"})
        self.store = self.controller.inventory / "secrets" / "axiom.yml"
        self.declare()

    def declare(self, hosts: dict[str, dict[str, Any]] | None = None, **changes: Any) -> None:
        variables = {
            "axiom_workspace_datasets": DATASETS,
            "axiom_workspace_tokens": TOKENS,
            "axiom_workspace_store": {"type": "vault_file", "path": "secrets/axiom.yml"},
            # Tests are not to wait long for what will not come.
            "axiom_workspace_timeout": 2,
            **changes,
        }
        self.controller.hosts(hosts or HOSTS, **variables)

    def provision(self, *arguments: str, **environment: str) -> Run:
        """One run; nothing secret is ever in what it prints, whatever happens."""
        self.axiom.clear_requests()
        run = self.controller.playbook("devfleet.axiom.provision", *arguments, **environment)
        self.no_secret_in(run.output, json.dumps(run.results))
        return run

    def requests(self) -> list[tuple[str, str]]:
        return [(entry["method"], entry["path"]) for entry in self.axiom.requests()]

    def writes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests() if request[0] != "GET"]


@pytest.fixture(params=["merge", "replace"])
def both_put_modes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeclaredWorkspace]:
    with LocalAxiom(put=request.param) as axiom:
        yield DeclaredWorkspace(tmp_path, axiom)


@pytest.fixture
def workspace(tmp_path: Path, axiom: LocalAxiom) -> DeclaredWorkspace:
    return DeclaredWorkspace(tmp_path, axiom)


def result_of(run: Run) -> dict[str, Any]:
    (entry,) = run.results
    result: dict[str, Any] = entry["result"]
    return result


def test_from_nothing_to_a_store_that_says_everything_and_then_nothing_to_do(workspace: DeclaredWorkspace) -> None:
    first = workspace.provision("-vvvv", "--diff")
    assert first.status == 0, first.output
    assert workspace.requests() == [
        *READS,
        ("POST", "/v2/datasets"),
        ("POST", "/v2/datasets"),
        ("POST", "/v2/tokens"),
    ]
    (token,) = workspace.tokens()
    edges = workspace.axiom.edge_urls
    assert workspace.records() == {
        "claude-code-ingest": {
            "name": "claude-code-ingest",
            "id": token["id"],
            "secret": workspace.axiom.secrets()[-1],
            "previous_secret": None,
            "expires_at": None,
            "datasets": {
                "claude-code-logs": {
                    "kind": "axiom:events:v1",
                    "edge": "cloud.us-east-1.aws",
                    "edge_url": edges["cloud.us-east-1.aws"],
                },
                "claude-code-metrics": {
                    "kind": "otel:metrics:v1",
                    "edge": "cloud.eu-central-1.aws",
                    "edge_url": edges["cloud.eu-central-1.aws"],
                },
            },
        }
    }
    assert token["datasetCapabilities"] == {
        "claude-code-logs": {"ingest": ["create"]},
        "claude-code-metrics": {"ingest": ["create"]},
    }
    before = workspace.store.read_bytes()
    second = workspace.provision("-vvvv", "--diff")
    assert second.status == 0, second.output
    assert not result_of(second)["changed"]
    assert workspace.requests() == READS
    assert workspace.store.read_bytes() == before


def test_a_converged_run_makes_two_requests_however_much_is_declared(workspace: DeclaredWorkspace) -> None:
    names = [f"data-{number}" for number in range(12)]
    workspace.declare(
        axiom_workspace_datasets=[{"name": name, "map_fields": ["a"]} for name in names],
        axiom_workspace_tokens=[{"name": f"token-{name}", "ingest": [name]} for name in names],
    )
    assert workspace.provision().status == 0
    assert len(workspace.records()) == len(names)
    second = workspace.provision()
    assert second.status == 0, second.output
    assert workspace.requests() == READS


def test_check_mode_writes_nothing_anywhere_and_predicts(workspace: DeclaredWorkspace) -> None:
    workspace.axiom.settings(readonly=True)
    before = sorted(workspace.controller.inventory.rglob("*"))
    predicted = workspace.provision("--check", "--diff")
    assert predicted.status == 0, predicted.output
    assert workspace.requests() == READS
    assert sorted(workspace.controller.inventory.rglob("*")) == before
    workspace.axiom.settings(readonly=False)
    done = workspace.provision("--diff")
    assert done.changed() == predicted.changed()
    for one, other in zip(result_of(predicted)["datasets"], result_of(done)["datasets"], strict=True):
        assert {key: other[key] for key in other if one[key] is not None} == {
            key: value for key, value in one.items() if value is not None
        }
    assert "secret" not in json.dumps([result_of(predicted)[part] for part in ("tokens", "records", "datasets")])


def test_undeclared_fields_survive_an_update_whatever_put_does(both_put_modes: DeclaredWorkspace) -> None:
    workspace = both_put_modes
    everything = {"name": "logs", "description": "for people", "retention_days": 7, "map_fields": ["a", "b"]}
    workspace.declare(axiom_workspace_datasets=[everything], axiom_workspace_tokens=[])
    assert workspace.provision().status == 0
    for change in ({"retention_days": 30}, {"description": "changed"}, {"retention_days": 0}, {"map_fields": ["c"]}):
        workspace.declare(axiom_workspace_datasets=[{"name": "logs", **change}], axiom_workspace_tokens=[])
        run = workspace.provision()
        assert run.status == 0, run.output
        assert len(workspace.writes()) == 1
        everything.update(change)
        (found,) = workspace.api("datasets")
        assert found["description"] == everything["description"]
        assert found["retentionDays"] == everything["retention_days"]
        assert found["useRetentionPeriod"] == (everything["retention_days"] > 0)
        assert found.get("mapFields", []) == everything["map_fields"]
    assert not result_of(workspace.provision())["changed"]


def test_what_is_there_is_adopted_and_said_so(workspace: DeclaredWorkspace) -> None:
    workspace.declare(axiom_workspace_tokens=[])
    assert workspace.provision().status == 0
    workspace.declare()
    run = workspace.provision()
    assert [(item["adopted"], item["changed"]) for item in result_of(run)["datasets"]] == [(True, False)] * 2
    assert result_of(run)["tokens"][0]["minted"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"axiom_workspace_datasets": [{**DATASETS[0], "kind": "otel:logs:v1"}]}, "has kind 'axiom:events:v1'"),
        ({"axiom_workspace_tokens": [{**TOKENS[0], "ingest": ["claude-code-logs"]}]}, "Axiom cannot change a token"),
        ({"axiom_workspace_tokens": [{**TOKENS[0], "ingest": ["typo"]}]}, "'typo', neither declared nor existing"),
        ({"axiom_workspace_tokens": [{"name": "xaat-0123456789"}]}, "looks like an Axiom token"),
        ({"axiom_workspace_store": {"type": "vault_file"}}, "path"),
        ({"axiom_workspace_tokens": [{"nane": "typo"}]}, "axiom_workspace_tokens.nane"),
        ({"axiom_workspace_revoke_again": "often"}, "argument 'axiom_workspace_revoke_again' is of type "),
        ({"axiom_workspace_datasets": DATASETS * 2}, "declared twice"),
        ({"axiom_workspace_management_token": "xaat-unknown"}, "AXIOM_TOKEN"),
        ({"axiom_workspace_management_token": "xapt-personal", "axiom_workspace_org_id": ""}, "xapt-"),
        ({"axiom_workspace_url": "http://axiom.example.org"}, "plain http"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    changes: dict[str, Any], says: str, workspace: DeclaredWorkspace
) -> None:
    assert workspace.provision().status == 0
    before = workspace.store.read_bytes()
    workspace.declare(**changes)
    for arguments in ((), ("--check",)):
        environment = {"AXIOM_ORG_ID": ""} if "axiom_workspace_org_id" in changes else {}
        run = workspace.provision(*arguments, **environment)
        assert run.status == 2, run.output
        assert says in run.messages()
        assert "\n" not in run.messages()
        assert "xaat-0123456789" not in run.messages()
        assert workspace.writes() == []
    assert workspace.store.read_bytes() == before


def test_without_a_vault_password_nothing_is_requested(workspace: DeclaredWorkspace) -> None:
    del workspace.controller.environment["ANSIBLE_VAULT_PASSWORD_FILE"]
    run = workspace.provision()
    assert run.status == 2
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in run.messages()
    assert workspace.requests() == []


def test_with_another_vault_password_nothing_is_changed(workspace: DeclaredWorkspace) -> None:
    assert workspace.provision().status == 0
    other = workspace.controller.root / "other-password"
    other.write_text("not the one\n")
    run = workspace.provision(ANSIBLE_VAULT_PASSWORD_FILE=str(other))
    assert "the vault password is not the one" in run.messages()
    assert workspace.requests() == []


@pytest.mark.parametrize(("folder", "warned"), [("secrets", True), (".secrets", False)])
def test_ansible_does_not_look_for_inventory_in_a_folder_whose_name_begins_with_a_dot(
    folder: str, warned: bool, workspace: DeclaredWorkspace
) -> None:
    workspace.declare(axiom_workspace_store={"type": "vault_file", "path": f"{folder}/axiom.yml"})
    assert workspace.provision().status == 0
    del workspace.controller.environment["ANSIBLE_VAULT_PASSWORD_FILE"]
    assert ("as an inventory source" in " ".join(workspace.provision().output.split())) == warned


def test_hosts_that_declare_different_workspaces_are_named(workspace: DeclaredWorkspace) -> None:
    workspace.declare({**HOSTS, "odd": {"axiom_workspace_datasets": []}})
    run = workspace.provision()
    assert "axiom_workspace_datasets is not the same for " in run.messages()
    assert " and odd: " in run.messages()
    assert workspace.requests() == []
    limited = workspace.provision("--limit", "dead,also-dead")
    assert limited.status == 0, limited.output


def test_the_result_is_there_for_every_host(workspace: DeclaredWorkspace) -> None:
    playbook = workspace.controller.root / "own.yml"
    tasks = [
        {"name": "Provision", "ansible.builtin.import_role": {"name": "devfleet.axiom.axiom_workspace"}},
        {
            "name": "Every host knows the records",
            "ansible.builtin.assert": {
                "that": "axiom_workspace_result.records['claude-code-ingest'].datasets | length == 2"
            },
        },
    ]
    play = {"name": "Own", "hosts": "all", "gather_facts": False, "tasks": tasks}
    playbook.write_text(yaml.safe_dump([play]))
    run = workspace.controller.playbook(str(playbook))
    assert run.status == 0, run.output
    asserted = {entry["host"] for entry in run.results if entry["action"].endswith("assert")}
    assert asserted == set(HOSTS)


# --- bad days


def test_a_store_that_cannot_be_written_mints_nothing(workspace: DeclaredWorkspace) -> None:
    """The disk is full at the very moment: the store's folder is fine until something is written."""
    folder = workspace.controller.root / "small"
    folder.mkdir()
    workspace.declare(axiom_workspace_store={"type": "vault_file", "path": str(folder / "axiom.yml")})
    # 1 block for files: the empty lock file fits, the store does not.
    limit = ["bash", "-c", 'ulimit -f 1; trap "" XFSZ; exec "$@"', "bash"]
    logs = ("ANSIBLE_LOG_PATH", "ANSIBLE_CALLBACKS_ENABLED")
    unlogged = {name: value for name, value in workspace.controller.environment.items() if name not in logs}
    done = subprocess.run(
        [*limit, *workspace.controller.command("devfleet.axiom.provision")],
        env=unlogged,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "File too large" in done.stdout + done.stderr
    workspace.no_secret_in(done.stdout, done.stderr)
    assert ("POST", "/v2/tokens") not in workspace.requests()
    assert [path.name for path in folder.iterdir()] == [".axiom.yml.lock"]
    again = workspace.provision()
    assert again.status == 0, again.output
    assert len(workspace.tokens()) == 1


def test_a_lost_answer_to_creating_a_dataset_heals_by_itself(workspace: DeclaredWorkspace) -> None:
    workspace.axiom.fault(method="POST", path="/v2/datasets$", action="drop_after")
    lost = workspace.provision()
    assert "Whether POST /datasets was carried out is unknown" in lost.messages()
    healed = workspace.provision()
    assert healed.status == 0, healed.output
    assert [item["adopted"] for item in result_of(healed)["datasets"]] == [True, False]


def test_a_lost_secret_can_be_brought_back(workspace: DeclaredWorkspace) -> None:
    assert workspace.provision().status == 0
    secret = workspace.records()["claude-code-ingest"]["secret"]
    workspace.store.unlink()
    assert "its secret is not in the store" in workspace.provision().messages()
    workspace.declare(axiom_workspace_tokens=[{**TOKENS[0], "secret": secret}])
    assert workspace.provision("-vvvv").status == 0
    assert workspace.records()["claude-code-ingest"]["secret"] == secret
    workspace.declare()
    assert not result_of(workspace.provision())["changed"]


def test_an_expired_token_is_replaced(workspace: DeclaredWorkspace) -> None:
    workspace.declare(axiom_workspace_tokens=[{**TOKENS[0], "expires_at": "2040-01-01T00:00:00+02:00"}])
    assert workspace.provision().status == 0
    assert workspace.records()["claude-code-ingest"]["expires_at"] == "2039-12-31T22:00:00Z"
    assert not result_of(workspace.provision())["changed"]
    (before,) = workspace.tokens()
    expired = {**before, "expiresAt": "2001-01-01T00:00:00Z"}
    workspace.declare()
    workspace.axiom.fault(method="GET", path="/v2/tokens$", status=200, body=[expired])
    run = workspace.provision()
    assert run.status == 0, run.output
    assert result_of(run)["tokens"][0]["minted"]
    assert workspace.records()["claude-code-ingest"]["id"] != before["id"]


def test_a_rate_limit_is_waited_for(workspace: DeclaredWorkspace) -> None:
    workspace.axiom.fault(method="POST", path="/v2/tokens$", status=429, body={"message": "slow down"}, reset_in=1)
    run = workspace.provision()
    assert run.status == 0, run.output
    assert workspace.writes().count(("POST", "/v2/tokens")) == 2
    assert len(workspace.tokens()) == 1


def test_a_management_token_that_may_not_mint_is_told_what_it_lacks(workspace: DeclaredWorkspace) -> None:
    workspace.axiom.fault(method="POST", path="/v2/tokens$", status=403, body={"message": "forbidden"})
    run = workspace.provision()
    assert "POST /tokens needs the org capability apiTokens: [create]" in run.messages()
    assert result_of(run)["failure"] == {
        "status": 403,
        "code": None,
        "message": "forbidden",
        "method": "POST",
        "path": "/v2/tokens",
    }
    assert result_of(run)["changed"], "the datasets were created before"
    assert workspace.provision().status == 0


def test_two_controllers_at_once_mint_once(workspace: DeclaredWorkspace) -> None:
    commands = [workspace.controller.command("devfleet.axiom.provision") for _index in range(3)]
    environment = {**workspace.controller.environment, "RECORD_FILE": "/dev/null"}
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert len(workspace.tokens()) == 1
    assert workspace.records()["claude-code-ingest"]["id"] == workspace.tokens()[0]["id"]
    workspace.no_secret_in(*outputs)


def test_no_secret_is_left_in_any_file_but_the_encrypted_store(workspace: DeclaredWorkspace) -> None:
    assert workspace.provision("-vvvv", "--diff").status == 0
    workspace.axiom.fault(method="GET", path="/v2/tokens$", status=500, body=workspace.axiom.token)
    assert workspace.provision("-vvvv", "--diff").status == 0
    files = [path for path in workspace.controller.root.rglob("*") if path.is_file()]
    assert workspace.store in files
    workspace.no_secret_in(*(path.read_bytes().decode("latin-1") for path in files))
