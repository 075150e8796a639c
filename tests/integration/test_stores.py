# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other stores through the whole job: provision, enforce, rotate, verify and revoke with the real playbooks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.playbook import Run
from support.rollout import TOKEN, Rollout
from support.store_servers import AwxCredentials, VaultKv

from axiom_emulator.testing import LocalAxiom

HOSTS = ["a", "b"]
VAULT_KV = Path(__file__).parents[2] / "docs/examples/store-vault-kv"


class Elsewhere(Rollout):
    """A fleet whose store is not a file of the controller; no play has a vault password."""

    spec: dict[str, Any]

    def declare(self, **changes: Any) -> None:
        super().declare(axiom_workspace_store=self.spec, **changes)

    def play(self, name: str, *arguments: str, **environment: str) -> Run:
        self.controller.environment.pop("ANSIBLE_VAULT_PASSWORD_FILE", None)
        return super().play(name, *arguments, **self.job(name), **environment)

    def job(self, name: str) -> dict[str, str]:
        """What is in the environment of one run."""
        raise NotImplementedError


class InVault(Elsewhere):
    """The example for HashiCorp Vault."""

    spec = {"type": "command", "command": [str(VAULT_KV)]}

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.server = VaultKv()
        super().__init__(root, axiom, HOSTS)

    def job(self, name: str) -> dict[str, str]:
        return {"VAULT_ADDR": self.server.url, "VAULT_TOKEN": self.server.TOKEN, "no_proxy": "127.0.0.1"}

    def records(self) -> dict[str, Any]:
        return {path.partition("/")[2]: versions[-1]["record"] for path, versions in self.server.versions.items()}


class InAwx(Elsewhere):
    """Every run is a job: it is given the credential as a file, and access to AWX only where it writes."""

    spec = {"type": "awx_credential", "credential": "Axiom ingest records"}

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.server = AwxCredentials()
        self.jobs = 0
        super().__init__(root, axiom, HOSTS)

    def job(self, name: str) -> dict[str, str]:
        self.jobs += 1
        folder = self.root / f"job-{self.jobs}"
        folder.mkdir()
        (folder / "tmp").write_text(self.server.injected())
        access = {"CONTROLLER_HOST": self.server.url, "CONTROLLER_OAUTH_TOKEN": self.server.TOKEN}
        return {"AXIOM_STORE_FILE": str(folder / "tmp"), **({} if name in ("enforce", "verify") else access)}

    def records(self) -> dict[str, Any]:
        records: dict[str, Any] = json.loads(self.server.injected())["records"]
        return records


# What a job is given as a file, in the place of AWX.
pytestmark = pytest.mark.secrets_belong("*/job-*/tmp")


@pytest.fixture(params=[InVault, InAwx])
def fleet(request: pytest.FixtureRequest, open_path: Path, axiom: LocalAxiom) -> Iterator[Elsewhere]:
    found = request.param(open_path, axiom)
    yield found
    found.server.close()


def test_a_fleet_lives_with_it_and_a_second_run_writes_nothing(fleet: Elsewhere) -> None:
    predicted = fleet.play("provision", "--check", "--diff")
    assert predicted.status == 0, predicted.output
    for name in ("provision", "enforce"):
        run = fleet.play(name, "-vvvv", "--diff")
        assert run.status == 0, run.output
    first = fleet.record()["secret"]
    assert set(fleet.installed().values()) == {first}
    fleet.server.requests.clear()
    for name in ("provision", "enforce", "verify"):
        run = fleet.play(name)
        assert run.status == 0, run.output
        assert run.changed() == set()
    assert {method for method, _path, _body in fleet.server.requests} <= {"GET"}

    part = fleet.play("rotate", "--limit", "a", "-vvvv", "--diff")
    assert part.status == 0, part.output
    second = fleet.record()["secret"]
    assert fleet.installed() == {"a": second, "b": first}
    rest = fleet.play("rotate")
    assert rest.status == 0, rest.output
    assert set(fleet.installed().values()) == {second}
    assert not fleet.secret_works(first)
    assert fleet.record()["previous_secret"] is None

    revoked = fleet.play("revoke", "-e", f"axiom_workspace_revoke={TOKEN}")
    assert revoked.status == 0, revoked.output
    assert not fleet.secret_works(second)
    assert set(fleet.installed().values()) == {fleet.record()["secret"]}
    assert [token["id"] for token in fleet.tokens()] == [fleet.record()["id"]]


def test_controllers_that_rotate_at_once_leave_nothing_behind(fleet: Elsewhere) -> None:
    """Without a lock some of them stop, with one line; whoever goes on does so alone."""
    assert fleet.play("provision").status == 0
    before = fleet.record()["secret"]
    command = [*fleet.controller.command("devfleet.axiom.mint"), "-e", "axiom_workspace_timeout=20"]
    runs = [
        subprocess.Popen(
            command,
            env={**fleet.controller.environment, **fleet.job("mint"), "RECORD_FILE": os.devnull},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _attempt in range(3)
    ]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert {run.returncode for run in runs} <= {0, 2}, outputs
    fleet.no_secret_in(*outputs)
    healed = fleet.play("mint")
    assert healed.status == 0, healed.output
    record = fleet.record()
    assert record["previous_secret"] == before
    assert {token["id"] for token in fleet.tokens()} == {record["id"], record["previous_id"]}
    assert fleet.secret_works(record["secret"])
    assert fleet.secret_works(before)


def test_a_store_that_cannot_be_written_mints_nothing(fleet: Elsewhere) -> None:
    assert fleet.play("provision").status == 0
    before = fleet.record()
    fleet.axiom.clear_requests()
    records = json.dumps(fleet.records())
    fleet.server.answer = refusing(fleet.server)  # type: ignore[method-assign]
    run = fleet.play("provision", "-e", "axiom_workspace_rotation=begin")
    assert run.status == 2
    assert "\n" not in run.messages()
    assert json.dumps(fleet.records()) == records
    assert {entry["method"] for entry in fleet.axiom.requests()} == {"GET"}
    assert fleet.secret_works(before["secret"])


def refusing(server: Any) -> Any:
    """Answers reads only."""
    answer = server.answer

    def reads(method: str, path: str, headers: dict[str, str], body: Any) -> Any:
        return answer(method, path, headers, body) if method == "GET" else (500, {"errors": ["sealed"]})

    return reads
